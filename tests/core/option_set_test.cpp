#include "core/option_set.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"

namespace pgan {
namespace {

using ::testing::HasSubstr;

struct Sample {
  std::int64_t count = 3;
  double rate = 0.001;
  bool flag = false;
  std::string name = "a";
  OptionSet set() {
    return OptionSet([this](OptionVisitor& v) {
      v.group("One");
      v.field("count", count, "how many");
      v.field("learning-rate", rate, "step size");
      v.field("dry-run", flag, "do nothing");
      v.field("name", name, "a name");
    });
  }
  void parse(std::vector<std::string> arguments) {
    const OptionSet options = set();
    options.assign(options.parse_command_line(arguments));
  }
};

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(OptionSet, ReadsEveryKindOfValue) {
  Sample sample;
  sample.parse({"--count", "-7", "--learning-rate=2e-3", "--dry-run", "--name", "b c"});
  EXPECT_EQ(sample.count, -7);
  EXPECT_EQ(sample.rate, 0.002);
  EXPECT_TRUE(sample.flag);
  EXPECT_EQ(sample.name, "b c");
}

TEST(OptionSet, UnknownNameSuggestsTheNearest) {
  Sample sample;
  const std::string message = message_of([&] { sample.parse({"--lerning-rate", "1"}); });
  EXPECT_THAT(message, HasSubstr("lerning-rate"));
  EXPECT_THAT(message, HasSubstr("did you mean learning-rate"));
}

TEST(OptionSet, PrefixesAreNotGuessed) {
  Sample sample;
  EXPECT_THAT(message_of([&] { sample.parse({"--learn", "1"}); }), HasSubstr("unknown option"));
}

TEST(OptionSet, WrongTypesMissingValuesStrayWordsAndRepeats) {
  Sample sample;
  EXPECT_THAT(message_of([&] {
                sample.parse({"--count", "3x"});
              }),
              HasSubstr("expected a whole number, found '3x'"));
  EXPECT_THAT(message_of([&] { sample.parse({"--count", ""}); }), HasSubstr("--count"));
  EXPECT_THAT(message_of([&] {
                sample.parse({"--learning-rate", "nan"});
              }),
              HasSubstr("expected a number"));
  EXPECT_THAT(message_of([&] { sample.parse({"--count"}); }), HasSubstr("count"));
  EXPECT_THAT(message_of([&] { sample.parse({"stray"}); }), HasSubstr("stray"));
  EXPECT_THAT(message_of([&] {
                sample.parse({"--count", "1", "--count", "2"});
              }),
              HasSubstr("twice"));
  EXPECT_THAT(message_of([&] { sample.parse({"--dry-run=maybe"}); }),
              HasSubstr("expected true or false"));
}

TEST(OptionSet, ConfigFileRoundTripsThroughIni) {
  Sample sample;
  sample.parse({"--learning-rate", "0.1", "--name", "x"});
  const auto file = std::filesystem::temp_directory_path() /
                    ("pgan-options-" + std::to_string(getpid()) + ".ini");
  std::ofstream(file) << sample.set().ini();
  Sample other;
  const OptionSet options = other.set();
  options.assign(options.parse_config(file));
  EXPECT_EQ(other.rate, 0.1);
  EXPECT_EQ(other.name, "x");
  std::ofstream(file) << "cuont = 3\n";
  const std::string message = message_of([&] { options.parse_config(file); });
  EXPECT_THAT(message, HasSubstr("did you mean count"));
  EXPECT_THAT(message, HasSubstr(file.string()));
  std::filesystem::remove(file);
  EXPECT_THAT(message_of([&] { options.parse_config(file); }), HasSubstr("cannot be read"));
}

TEST(OptionSet, HelpShowsGroupsAndDefaults) {
  Sample sample;
  const std::string help = sample.set().help();
  EXPECT_THAT(help, HasSubstr("One:"));
  EXPECT_THAT(help, HasSubstr("--learning-rate"));
  EXPECT_THAT(help, HasSubstr("[0.001]"));
}

}  // namespace
}  // namespace pgan
