// pgan-eval translate: the same numbers on any number of ranks; every wrong input one clear line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "programs.h"

namespace pgan {
namespace {
using namespace tests;
using ::testing::HasSubstr;

/// Barely trained networks of 16x16 on drawn faces.
class EvalTranslate : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<ScratchFolder>();
    pack_ = make_pack(*folder_, 60, 16);
    const std::string tiny =
        "--generator-width 8 --discriminator-width 8 --residual-blocks 1 "
        "--discriminator-layers 2 --model stargan --n-critic 1 ";
    train("model", tiny + "--attributes Black_Hair,Blond_Hair,Male,Smiling");
    train("judge", "--model classifier --classifier-width 8 --attributes Male,Blond_Hair,Young");
    train("other", "--model classifier --classifier-width 8 --attributes Young,Eyeglasses");
    train("small", "--model classifier --classifier-width 8 --attributes Male --resolution 8");
    train("generator", "--fmap-base 64 --fmap-max 8 --latent 8 --start-resolution 16");
  }
  static void TearDownTestSuite() { folder_.reset(); }
  static void train(const std::string& name, const std::string& arguments) {
    const std::string size =
        arguments.find("--resolution 8") == std::string::npos ? " --resolution 16 " : " ";
    const Outcome outcome =
        run_command(program("pgan-train") + " --data " + pack_ + " --run " + (*folder_ / name) +
                    size + arguments + " --minibatch 4 --max-steps 3 --threads 1 --device cpu");
    ASSERT_EQ(outcome.code, 0) << outcome.output;
  }
  static std::string command(const std::string& model, const std::string& judge,
                             const std::string& more = "--split all") {
    return program("pgan-eval") + " translate --device cpu --threads 1 --checkpoint " +
           (*folder_ / model) + " --judge " + (*folder_ / judge) + " --data " + pack_ + " " + more;
  }
  static void expect_error(const std::string& line, int code,
                           const std::vector<std::string>& parts) {
    for (const std::string& launcher : {std::string(), mpirun(2)}) {
      const Outcome outcome = run_command(launcher + line);
      EXPECT_EQ(outcome.code, code) << outcome.output;
      EXPECT_EQ(count_of(outcome.output, "pgan-eval: error: "), 1) << outcome.output;
      for (const std::string& part : parts) EXPECT_THAT(outcome.output, HasSubstr(part));
    }
  }
  static std::unique_ptr<ScratchFolder> folder_;
  static std::string pack_;
};
std::unique_ptr<ScratchFolder> EvalTranslate::folder_;
std::string EvalTranslate::pack_;

TEST_F(EvalTranslate, GivesTheSameNumbersOnAnyNumberOfRanks) {
  std::vector<std::string> lines, tables;
  for (const int ranks : {1, 2, 3}) {
    const std::string file = *folder_ / ("scores" + std::to_string(ranks) + ".json");
    const Outcome outcome = run_command((ranks == 1 ? "" : mpirun(ranks)) +
                                        command("model", "judge") + " --json " + file);
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    lines.push_back(read_file(file));
    tables.push_back(outcome.output);
  }
  EXPECT_EQ(lines[0], lines[1]);
  EXPECT_EQ(lines[0], lines[2]);
  EXPECT_EQ(tables[0], tables[1]);
  const auto json = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(json.at("pictures"), 60);
  EXPECT_EQ(json.at("left_out"), nlohmann::json({"Black_Hair", "Smiling"}));
  ASSERT_EQ(json.at("attributes").size(), 2U);
  const auto &blond = json.at("attributes")[0], &male = json.at("attributes")[1];
  EXPECT_EQ(blond.at("name"), "Blond_Hair");  // the model's order, found in the judge's
  EXPECT_TRUE(blond.at("off").is_null());     // in a group
  EXPECT_EQ(male.at("name"), "Male");
  const double with = male.at("positive"), on = male.at("on").at("pictures");
  EXPECT_GT(with, 0);
  EXPECT_EQ(on, 60 - with);
  EXPECT_EQ(male.at("off").at("pictures"), with);
  EXPECT_GT(male.at("on").at("reconstruction_l1"), 0);
  for (const char* part : {"Left out: Smiling", "Balanced accuracy", "Turned off"})
    EXPECT_THAT(tables[0], HasSubstr(part));
}

TEST_F(EvalTranslate, TakesAsManyPicturesAsAskedFor) {
  const std::string file = *folder_ / "few.json";
  const Outcome outcome = run_command(
      command("model", "judge", "--split train --images 7 --network raw --json ") + file);
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  const auto json = nlohmann::json::parse(read_file(file));
  EXPECT_EQ(json.at("pictures"), 7);
  EXPECT_EQ(json.at("model").at("network"), "G");
}

TEST_F(EvalTranslate, WrongInputIsRefused) {
  expect_error(command("generator", "judge"), 2, {"progressive", "does not translate"});
  expect_error(command("model", "generator"), 2, {"progressive", "tells no labels"});
  expect_error(command("model", "small"), 2, {"16x16", "8x8"});
  expect_error(command("model", "other"), 2, {"none of the model", "Young, Eyeglasses"});
  expect_error(command("model", "judge", "--split some"), 2, {"--split some"});
  expect_error(command("model", "judge", "--data " + pack_), 2, {"1 data set(s)", "2 times"});
  expect_error(command("model", "nowhere"), 2, {"nowhere"});
  expect_error(program("pgan-eval") + " translate --judge x --data y", 2, {"--checkpoint"});
  expect_error(program("pgan-eval") + " guess", 2, {"unknown command", "guess"});
}

TEST_F(EvalTranslate, APackWithoutTheModelsLabelsIsRefused) {
  const std::string bare = *folder_ / "bare", plain = *folder_ / "plain";
  fs::create_directories(bare);
  fs::copy(*folder_ / "faces", bare + "/all", fs::copy_options::recursive);
  for (const auto& entry : fs::directory_iterator(bare + "/all")) {
    if (entry.is_regular_file()) fs::remove(entry.path());  // the attribute list
  }
  ASSERT_EQ(run_command(program("pgan-data") + " pack --from " + bare + " --out " + plain).code, 0);
  const std::string line = program("pgan-eval") + " translate --device cpu --checkpoint " +
                           (*folder_ / "model") + " --judge " + (*folder_ / "judge") +
                           " --split all --data " + plain;
  expect_error(line, 2, {"Black_Hair"});
}

TEST_F(EvalTranslate, HelpIsPrintedOnce) {
  const Outcome outcome = run_command(mpirun(2) + program("pgan-eval") + " translate --help");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(count_of(outcome.output, "--judge VALUE"), 1) << outcome.output;
  EXPECT_THAT(run_command(program("pgan-eval") + " --help").output, HasSubstr("translate"));
}

}  // namespace
}  // namespace pgan
