#include "core/option_set.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"

namespace pgan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Sample {
  std::int64_t count = 3;
  double rate = 0.001;
  bool flag = false;
  std::string name = "a";
  std::vector<std::string> folders;
  OptionSet set() {
    return OptionSet([this](OptionVisitor& v) {
      v.group("One");
      v.field("count", count, "how many");
      v.field("learning-rate", rate, "step size");
      v.field("dry-run", flag, "do nothing");
      v.field("name", name, "a name");
      v.field("folder", folders, "a folder to read");
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

struct IniFile {
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("pgan-options-list-" + std::to_string(getpid()) + ".ini");
  explicit IniFile(const std::string& text) { std::ofstream(path) << text; }
  ~IniFile() { std::filesystem::remove(path); }
};

TEST(OptionSet, AListAppendsAnEntryEachTime) {
  Sample sample;
  sample.parse({"--folder", "b c", "--count", "1", "--folder=a", "--folder", "a"});
  EXPECT_THAT(sample.folders, ElementsAre("b c", "a", "a"));
  const OptionSet options = sample.set();
  EXPECT_EQ(options.values().at("folder"), "b c\na\na");
  Sample other;
  other.set().assign(options.values());
  EXPECT_EQ(other.folders, sample.folders);
  EXPECT_THAT(message_of([&] { sample.parse({"--folder"}); }), HasSubstr("--folder"));
  EXPECT_EQ(message_of([&] {
              sample.parse({"--folder", "a", "--name", "x", "--folder", "b", "--name", "y"});
            }),
            "--name is given twice");
}

TEST(OptionSet, AnEmptyListIsAnEmptyText) {
  Sample sample;
  const OptionSet options = sample.set();
  EXPECT_EQ(options.values().at("folder"), "");
  EXPECT_THAT(options.ini(), HasSubstr("\nfolder = \n"));
  sample.folders = {"a"};
  EXPECT_THAT(options.parse_config(IniFile("count = 1\n").path).count("folder"), 0);
  options.assign(options.parse_config(IniFile("folder =\n").path));
  EXPECT_THAT(sample.folders, IsEmpty());
  sample.folders = {"a"};
  sample.parse({"--folder", ""});
  EXPECT_THAT(sample.folders, IsEmpty());
  sample.folders = {"a"};
  sample.parse({});
  EXPECT_THAT(sample.folders, ElementsAre("a"));
}

TEST(OptionSet, AListRoundTripsThroughIni) {
  Sample sample, other;
  sample.folders = {"b c", "a=d", "a"};
  const std::string text = sample.set().ini();
  EXPECT_THAT(text, HasSubstr("# a folder to read\nfolder = b c\nfolder = a=d\nfolder = a\n"));
  const OptionSet options = other.set();
  options.assign(options.parse_config(IniFile(text).path));
  EXPECT_EQ(other.folders, sample.folders);
  options.assign(options.parse_config(IniFile("folder = x\ncount = 4\nfolder = y\n").path));
  EXPECT_THAT(other.folders, ElementsAre("x", "y"));
  EXPECT_EQ(other.count, 4);
}

TEST(OptionSet, EntriesThatCannotBeWrittenAreRefused) {
  Sample sample;
  const auto parse_error = [&](std::vector<std::string> arguments) {
    return message_of([&] { sample.parse(std::move(arguments)); });
  };
  const std::string line_break =
      "--folder: expected entries without a line break, found one after 'a'";
  EXPECT_EQ(parse_error({"--folder", "a\nb"}), line_break);
  EXPECT_EQ(parse_error({"--folder", "x", "--folder", "a\nb"}), line_break);
  EXPECT_THAT(parse_error({"--folder", "x", "--folder", ""}), HasSubstr("--folder: "));
  EXPECT_THAT(parse_error({"--folder", "", "--folder", "x"}), HasSubstr("empty one"));
  EXPECT_THAT(message_of([&] {
                sample.set().assign({{"folder", "a\n\nb"}});
              }),
              HasSubstr("empty one"));
  EXPECT_THAT(sample.folders, IsEmpty());
  sample.folders = {"a\nb"};
  EXPECT_EQ(message_of([&] { sample.set().values(); }), line_break);
  EXPECT_EQ(message_of([&] { sample.set().ini(); }), line_break);
  sample.folders = {""};
  EXPECT_THAT(message_of([&] { sample.set().values(); }), HasSubstr("empty one"));
}

TEST(OptionSet, AListOfTheCommandLineReplacesTheFiles) {
  Sample sample;
  sample.folders = {"default"};
  const OptionSet options = sample.set();
  OptionValues values = options.parse_command_line(std::vector<std::string>{"--folder", "z"});
  values.merge(options.parse_config(IniFile("folder = x\nfolder = y\nname = n\n").path));
  options.assign(values);
  EXPECT_THAT(sample.folders, ElementsAre("z"));
  EXPECT_EQ(sample.name, "n");
}

TEST(OptionSet, HelpSaysWhatIsAList) {
  Sample sample;
  EXPECT_THAT(sample.set().help(), HasSubstr("--folder VALUE...  "));
  EXPECT_THAT(sample.set().help(), HasSubstr("--name VALUE  "));
  sample.folders = {"a", "b"};
  EXPECT_THAT(sample.set().help(), HasSubstr("a folder to read [a, b]"));
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
