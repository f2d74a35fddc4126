// pgan-sample translate as a user runs it, with a model of two steps.
#include <algorithm>

#include <gmock/gmock.h>
#include <torch/torch.h>

#include "data/decode.h"
#include "data/encode.h"
#include "data/synth.h"
#include "programs.h"

namespace pgan {
namespace {
using namespace tests;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Translate : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<ScratchFolder>();
    pack_ = make_pack(*folder_, 40, 16);
    run_ = *folder_ / "run";
    const Outcome trained = run_command(
        program("pgan-train") + " --model stargan --data " + pack_ + " --run " + run_ +
        " --attributes Black_Hair,Blond_Hair,Male,Young --generator-width 8 "
        "--discriminator-width 8 --residual-blocks 2 --discriminator-layers 4 --resolution 16 "
        "--minibatch 4 --max-steps 2 --threads 1 --seed 3");
    ASSERT_EQ(trained.code, 0) << trained.output;
    fs::create_directory(*folder_ / "in");
    data::write_image(in("a.png"), data::draw_face(9, 0, 40).image);
    const torch::Tensor face = data::draw_face(9, 1, 64).image;
    data::write_image(in("b.jpg"), face.slice(1, 0, 50).contiguous());  // wider than high
    std::ofstream(in("broken.png")) << read_file(in("a.png")).substr(0, 200);
    std::ofstream(in("notes.txt")) << "no picture";
  }
  static void TearDownTestSuite() { folder_.reset(); }
  static std::string in(const std::string& name) { return *folder_ / ("in/" + name); }
  static std::string command(const std::string& rest) {
    return program("pgan-sample") + " translate --checkpoint " + run_ + " " + rest;
  }
  static Outcome translate(const std::string& rest) { return run_command(command(rest)); }
  static std::vector<std::string> names(const std::string& folder) {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(*folder_ / folder))
      found.push_back(entry.path().filename().string());
    std::ranges::sort(found);
    return found;
  }
  static std::string file(const std::string& name) { return read_file(*folder_ / name); }

  static std::unique_ptr<ScratchFolder> folder_;
  static std::string pack_, run_;
};
std::unique_ptr<ScratchFolder> Translate::folder_;
std::string Translate::pack_, Translate::run_;

TEST_F(Translate, AFolderBecomesASheetAndFiles) {
  const std::string sheet = *folder_ / "sheet.png";
  const Outcome outcome = translate("--input " + (*folder_ / "in") + " --out " + sheet +
                                    " --each " + (*folder_ / "each/deeper"));
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_EQ(count_of(outcome.output, "warning: left out: "), 1) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("broken.png"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("notes.txt")));
  EXPECT_THAT(outcome.output, HasSubstr("  a.png: "));
  EXPECT_THAT(outcome.output, HasSubstr("G (weights as trained), kimg 0.0, 16x16, run"));
  EXPECT_THAT(names("each/deeper"),
              ElementsAre("a-Black_Hair.png", "a-Blond_Hair.png", "a-Input.png", "a-Male.png",
                          "a-Young.png", "b-Black_Hair.png", "b-Blond_Hair.png", "b-Input.png",
                          "b-Male.png", "b-Young.png"));
  for (const std::string& name : names("each/deeper")) {
    const torch::Tensor picture = data::decode_file(*folder_ / ("each/deeper/" + name));
    EXPECT_THAT(picture.sizes().vec(), ElementsAre(16, 16, 3)) << name;
  }
  const torch::Tensor shown = data::decode_file(sheet);
  EXPECT_GT(shown.size(0), 2 * 66 + 2 + 14);  // headings and a title above cells of 64
  EXPECT_GT(shown.size(1), 5 * 66 + 2 + 20);  // names beside them
}

TEST_F(Translate, StrengthGoesFromOwnLabelsToThoseAskedFor) {
  const std::string own = "Black_Hair=1,Blond_Hair=0,Male=1,Young=0";
  const std::string input = "--input " + in("a.png") + " --labels " + own + " --each ";
  const Outcome blended =
      translate(input + (*folder_ / "blend") + " --set Blond_Hair=1,Young=0.5 --strength 0,0.5,1");
  ASSERT_EQ(blended.code, 0) << blended.output;
  EXPECT_THAT(blended.output, HasSubstr("  a.png: Black_Hair, Male\n"));
  ASSERT_EQ(translate(input + (*folder_ / "own") + " --set " + own).code, 0);
  ASSERT_EQ(translate(input + (*folder_ / "all") + " --set Blond_Hair=1,Young=0.5").code, 0);
  EXPECT_THAT(names("all"), ElementsAre("a-Blond_Hair_Young_0.5.png", "a-Input.png"));
  const std::string base = "blend/a-Blond_Hair_Young_0.5-";
  EXPECT_EQ(file(base + "0.png"), file("own/a-Black_Hair_Blond_Hair_0_Male_Young_0.png"));
  EXPECT_EQ(file(base + "1.png"), file("all/a-Blond_Hair_Young_0.5.png"));
  EXPECT_NE(file(base + "0.5.png"), file(base + "1.png"));
  EXPECT_NE(file(base + "0.5.png"), file(base + "0.png"));
}

TEST_F(Translate, AnExportOfTheGeneratorSaysThatItKnowsNoLabels) {
  for (const char* network : {"G", "all"}) {
    const std::string exported = *folder_ / (std::string(network) + ".safetensors");
    ASSERT_EQ(run_command(program("pgan-checkpoint") + " export " + run_ + " --network " + network +
                          " --out " + exported)
                  .code,
              0);
    const Outcome outcome =
        run_command(program("pgan-sample") + " translate --checkpoint " + exported + " --input " +
                    in("a.png") + " --out " + (*folder_ / "exported.png"));
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_EQ(count_of(outcome.output, "holds no D"), network == std::string("G") ? 1 : 0)
        << outcome.output;
  }
}

TEST_F(Translate, BadInputIsOneLine) {
  const std::string input = "--input " + in("a.png"), out = " --out " + (*folder_ / "bad.png");
  const auto expect = [&](const std::string& rest, int code, const std::string& part) {
    const Outcome outcome = translate(rest);
    EXPECT_EQ(outcome.code, code) << rest;
    EXPECT_THAT(outcome.output, HasSubstr(part)) << rest;
    EXPECT_EQ(count_of(outcome.output, "\n"), 1) << outcome.output;
  };
  expect(input + out + " --set Beard=1", 2, "Black_Hair, Blond_Hair, Male, Young");
  expect(input + out + " --labels Beard=1", 2, "--labels Beard=1");
  expect(input + out + " --set Young=2", 2, "from 0 to 1");
  expect(input + out + " --set Young", 2, "NAME=VALUE");
  expect(input + out + " --set Young=1 --strength 2", 2, "--strength 2");
  expect(input + out + " --strength 0,1", 2, "needs --set");
  expect(input + out + " --crop face", 2, "celeba-128");
  expect(input + out + " --network ema", 2, "no moving average");
  expect(input + out + " --most 0", 2, "--most");
  expect(input, 2, "--out is missing");
  expect(input + " --out sheet.jpg", 2, "ends in .png");
  expect("--input " + in("broken.png") + out, 3, "broken.png");
  expect("--input " + in("none.png") + out, 3, "none.png");
  expect("--input " + run_ + "/samples/none" + out, 3, "none");
  EXPECT_FALSE(fs::exists(*folder_ / "bad.png"));
  fs::create_directory(*folder_ / "damaged");
  fs::copy(in("broken.png"), *folder_ / "damaged");
  const Outcome none = translate("--input " + (*folder_ / "damaged") + out);
  EXPECT_EQ(none.code, 3) << none.output;
  EXPECT_THAT(none.output, HasSubstr("none of its 1 pictures can be read"));
}

TEST_F(Translate, TheOtherCommandIsNamed) {
  const Outcome noise = run_command(program("pgan-sample") + " --checkpoint " + run_ + " --out " +
                                    (*folder_ / "noise.png"));
  EXPECT_EQ(noise.code, 2);
  EXPECT_THAT(noise.output, HasSubstr("pgan-sample translate --checkpoint"));
  const Outcome unknown = run_command(program("pgan-sample") + " transform");
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.output, HasSubstr("expected translate"));
}

TEST_F(Translate, AFullDiskLeavesNoTornFile) {
  const Outcome outcome =
      run_command("ulimit -f 1; trap \"\" XFSZ; " +
                  command("--input " + (*folder_ / "in") + " --out " + (*folder_ / "full.png")));
  EXPECT_EQ(outcome.code, 3) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("full.png"));
  EXPECT_FALSE(fs::exists(*folder_ / "full.png"));
}

}  // namespace
}  // namespace pgan
