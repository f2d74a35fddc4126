#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "fixture.h"

namespace pgan::checkpoint {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct Outcome {
  int status = -1;
  std::string output;  ///< stdout and stderr
};

class Program : public CheckpointTest {
 protected:
  void SetUp() override {
    const char* programs = std::getenv("PGAN_BIN");
    program_ = fs::path(programs ? programs : "") / "pgan-checkpoint";
    if (!fs::exists(program_)) GTEST_SKIP() << "no program " << program_;
    run_ = (folder_ / "run").string();
    save_run(run_, 2, {64, 128});
  }

  Outcome call(const std::string& arguments) const {
    Outcome outcome;
    FILE* pipe = ::popen((program_.string() + " " + arguments + " 2>&1").c_str(), "r");
    char buffer[4096];
    for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
      outcome.output.append(buffer, got);
    }
    outcome.status = WEXITSTATUS(::pclose(pipe));
    return outcome;
  }

  fs::path program_;
  std::string run_;
};

TEST_F(Program, InfoDescribesTheNewest) {
  const Outcome outcome = call("info " + run_);
  EXPECT_EQ(outcome.status, 0);
  for (const char* part : {"images-000000000128", "progressive", "0.128 kimg, step 2",
                           "resolution 16, alpha 0.3", "2 ranks", "G_ema "}) {
    EXPECT_THAT(outcome.output, HasSubstr(part));
  }
}

TEST_F(Program, ExportStripsThePrefixAndTellsTheArchitecture) {
  const std::string file = (folder_ / "g.safetensors").string();
  const Outcome outcome = call("export " + run_ + "/images-000000000064 --out " + file);
  ASSERT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("tensors of G_ema at 16x16"));
  Metadata metadata;
  expect_equal(read_safetensors(file, &metadata),
               {{"a.weight", make_state(64).at("G_ema/a.weight")}});
  EXPECT_EQ(metadata.at("architecture"),
            R"({"alpha":0.30000000000000004,"latent":512,"recipe":"progressive","resolution":16})");
  EXPECT_EQ(call("export " + run_ + " --network G --out " + file).status, 0);
  EXPECT_EQ(read_safetensors(file).size(), 3u);
}

TEST_F(Program, ExportWithoutAnAverageIsOfTheNetworkItself) {
  const std::string raw = (folder_ / "raw.safetensors").string();
  const std::string file = (folder_ / "g.safetensors").string();
  const Metadata metadata{
      {"architecture", R"({"alpha":1,"model":"m","recipe":"m","resolution":16})"},
      {"images", "0"},
      {"network", ""}};
  write_safetensors(raw, {{"D/w", torch::ones({1})}, {"G/w", torch::ones({2})}}, metadata);
  EXPECT_THAT(call("export " + raw + " --out " + file).output, HasSubstr("1 tensors of G at"));
  write_safetensors(raw, {{"C/w", torch::ones({1})}}, metadata);
  EXPECT_THAT(call("export " + raw + " --out " + file).output, HasSubstr("1 tensors of C at"));
  write_safetensors(raw, {{"C/w", torch::ones({1})}, {"B/w", torch::ones({2})}}, metadata);
  EXPECT_THAT(call("export " + raw + " --out " + file).output, HasSubstr("--network is needed: "));
}

TEST_F(Program, VerifyFindsAFlippedByte) {
  EXPECT_EQ(call("verify " + run_).status, 0);
  const fs::path file = fs::path(run_) / "images-000000000128" / shard_name(1, 2);
  std::string bytes = read_bytes(file);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_bytes(file, bytes);
  const Outcome outcome = call("verify " + run_);
  EXPECT_EQ(outcome.status, 4);
  EXPECT_THAT(outcome.output, HasSubstr("wrong checksum"));
}

TEST_F(Program, DiffNamesTheLargestDifference) {
  const Outcome same = call("diff " + run_ + " " + run_ + "/latest");
  EXPECT_EQ(same.status, 0);
  EXPECT_THAT(same.output, HasSubstr("3 tensors in both, 0 differ"));
  const Outcome other = call("diff " + run_ + " " + run_ + "/images-000000000064");
  EXPECT_EQ(other.status, 0);
  const double largest = (make_state(128).at("G_ema/a.weight").to(torch::kFloat64) -
                          make_state(64).at("G_ema/a.weight").to(torch::kFloat64))
                             .abs()
                             .max()
                             .item<double>();
  char expected[64];
  std::snprintf(expected, sizeof expected, "largest %.3g in G_ema/a.weight", largest);
  EXPECT_THAT(other.output, HasSubstr(expected));
}

TEST_F(Program, OneClearLineAndTheExitCode) {
  const auto expect = [&](const std::string& arguments, int status, const std::string& part) {
    const Outcome outcome = call(arguments);
    EXPECT_EQ(outcome.status, status) << arguments;
    EXPECT_THAT(outcome.output, HasSubstr(part)) << arguments;
    EXPECT_EQ(std::count(outcome.output.begin(), outcome.output.end(), '\n'), 1) << outcome.output;
  };
  expect("info " + folder_.string(), 4, "no checkpoint in");
  expect("info " + folder_.string() + "/missing", 4, "no checkpoint in");
  expect("info " + program_.string(), 4, "is no folder");
  expect("export " + run_ + " --network X --out " + run_ + "/x", 4,
         "no network X: expected one of D, G, G_ema, or all");
  expect("export " + run_ + " --out /missing/x", 2, "no such folder /missing");
  expect("export " + run_, 2, "--out is needed");
  expect("export " + run_ + " --layout x --out " + run_ + "/x", 2, "there is gan-zoo, stargan");
  expect("export " + run_ + " --layout stargan --out " + run_ + "/x", 2,
         "is for networks of --model stargan, these are of --model progressive");
  expect("import " + run_ + " --layout x --out " + run_ + "/x", 2, "there is gan-zoo, stargan");
  expect("info " + run_ + " --tensor", 2, "tensors");
  expect("inf", 2, "unknown command");
  expect("", 2, "a command is needed");
}

}  // namespace
}  // namespace pgan::checkpoint
