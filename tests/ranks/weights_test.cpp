// From one run to another: --init-from, and checkpoints that a run may not go on from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <nlohmann/json.hpp>

#include "checkpoint/load.h"
#include "checkpoint/weights.h"
#include "programs.h"

namespace pgan {
namespace {
using namespace tests;
using ::testing::HasSubstr;
using ::testing::Not;

/// A run of 17 steps that is fully grown to 8x8 at the end, and its exported networks.
class WeightsOfARun : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<ScratchFolder>();
    pack_ = make_pack(*folder_, 40, 16);
    first_ = *folder_ / "first";
    const Outcome trained = run_command(train(first_) +
                                        "--resolution 8 --fmap-base 64 --fmap-max 8 --latent 8 "
                                        "--max-steps 17 --checkpoint-kimg 0.032");
    ASSERT_EQ(trained.code, 0) << trained.output;
    for (const char* network : {"all", "G_ema"}) {
      const Outcome exported =
          run_command(program("pgan-checkpoint") + " export " + first_ + " --network " + network +
                      " --out " + (*folder_ / (std::string(network) + ".safetensors")));
      ASSERT_EQ(exported.code, 0) << exported.output;
    }
  }
  static void TearDownTestSuite() { folder_.reset(); }
  static std::string train(const std::string& run) {
    return program("pgan-train") + " --data " + pack_ + " --run " + run +
           " --minibatch 16 --stable-kimg 0.048 --fade-kimg 0.064 --total-kimg 100 --seed 5 "
           "--threads 1 ";
  }
  /// A copy of the first run, to spoil.
  std::string copy(const std::string& name) {
    const std::string run = *folder_ / name;
    fs::copy(first_, run, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    return run;
  }
  static std::unique_ptr<ScratchFolder> folder_;
  static std::string pack_, first_;
};
std::unique_ptr<ScratchFolder> WeightsOfARun::folder_;
std::string WeightsOfARun::pack_, WeightsOfARun::first_;

TEST_F(WeightsOfARun, GiveANewRunItsShapeAndItsStart) {
  const std::string run = *folder_ / "again";
  const Outcome outcome =
      run_command(mpirun(2) + train(run) + "--resolution 8 --max-steps 1 " +
                  "--learning-rate 1e-7 --init-from " + (*folder_ / "all.safetensors"));
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("G 12 of 12 tensors from G, "));
  const checkpoint::Weights before = checkpoint::read_weights(first_);
  const checkpoint::Weights after = checkpoint::read_weights(run);
  EXPECT_EQ(after.growth, (Growth{8, 1.0}));
  EXPECT_EQ(after.images, 16);  // the clock starts at 0
  ASSERT_EQ(after.tensors.size(), before.tensors.size());
  for (const auto& [name, tensor] : before.tensors)
    EXPECT_TRUE(torch::allclose(after.tensors.at(name), tensor, 1e-4, 1e-3)) << name;
  // The same command goes on, and needs the file no more.
  const Outcome resumed = run_command(program("pgan-train") + " --run " + run + " --max-steps 2");
  EXPECT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("resuming from"));
}

TEST_F(WeightsOfARun, FitALowerAndAHigherFinalResolution) {
  const std::string file = *folder_ / "G_ema.safetensors";
  const std::string low = *folder_ / "low", high = *folder_ / "high";
  Outcome outcome = run_command(train(low) + "--resolution 4 --max-steps 1 --init-from " + file);
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output,
              HasSubstr("D 0 of 8 tensors (begins at random), G 6 of 6 tensors from G_ema"));
  EXPECT_EQ(checkpoint::read_weights(low).growth.resolution, 4);
  outcome = run_command(train(high) + "--resolution 16 --max-steps 5 --init-from " + file);
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("G 12 of 18 tensors from G_ema"));
  EXPECT_EQ(checkpoint::read_weights(high).growth.resolution, 16);
}

TEST_F(WeightsOfARun, OtherShapesAndOtherFilesAreRefused) {
  const auto expect = [&](const std::string& more, int code, const std::string& part) {
    const Outcome outcome = run_command(mpirun(2) + train(*folder_ / "refused") +
                                        "--resolution 8 --max-steps 1 " + more);
    EXPECT_EQ(outcome.code, code) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr(part));
    EXPECT_EQ(count_of(outcome.output, "error: "), 1) << outcome.output;
  };
  const std::string file = *folder_ / "all.safetensors";
  expect("--fmap-max 4 --fmap-base 64 --init-from " + file, 2, "does not fit");
  expect("--init-from " + (*folder_ / "nowhere.safetensors"), 2, "nowhere.safetensors");
  expect("--init-from " + pack_ + "/r0004-00000.tar", 4, "safetensors");
  expect("--init-from " + pack_, 4, "no checkpoint in");
}

TEST_F(WeightsOfARun, AnOlderCheckpointOfTheRunIsNotGoneOnWithInPlace) {
  const std::string run = copy("rewound");
  // Which ones there are is a matter of speed: a save under way puts off the next.
  const auto kept = checkpoint::list(run);
  ASSERT_GE(kept.size(), 2U);
  const std::string old = kept.front().folder.string();
  const Outcome refused = run_command(program("pgan-train") + " --run " + run + " --resume " + old);
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.output, HasSubstr("give another --run to branch off"));
  const std::string branch = *folder_ / "branch";
  const Outcome branched = run_command(program("pgan-train") + " --run " + branch + " --resume " +
                                       old + " --data " + pack_ + " --max-steps 15");
  EXPECT_EQ(branched.code, 0) << branched.output;
  EXPECT_EQ(checkpoint::read_weights(branch).images, 240);
}

TEST_F(WeightsOfARun, NetworksDoNotShrinkNotEvenWithOverride) {
  const std::string run = copy("shrunk");
  for (const char* schedule : {"--stable-kimg 9", "--resolution 4"}) {
    const Outcome outcome = run_command(program("pgan-train") + " --run " + run + " " + schedule +
                                        " --override --max-steps 20");
    EXPECT_EQ(outcome.code, 2) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("has grown to 8x8, and this schedule is at 4x4"));
  }
  EXPECT_EQ(run_command(program("pgan-train") + " --run " + run + " --max-steps 18").code, 0);
}

TEST_F(WeightsOfARun, ARunWhoseCheckpointsAreGoneDoesNotBeginAfresh) {
  const std::string run = copy("emptied");
  for (const auto& entry : fs::directory_iterator(run)) {
    if (entry.path().filename().string().starts_with("images-")) fs::remove_all(entry.path());
  }
  const std::string curve = read_file(run + "/stats.jsonl");
  const Outcome outcome = run_command(mpirun(2) + train(run) + "--max-steps 20");
  EXPECT_EQ(outcome.code, 4) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("remove the link to begin afresh"));
  EXPECT_EQ(read_file(run + "/stats.jsonl"), curve);
}

TEST_F(WeightsOfARun, TheFilesShapeBeatsAPresets) {
  const Outcome outcome =
      run_command(program("pgan-train") + " --data " + pack_ + " --run " + (*folder_ / "preset") +
                  " --preset demo --resolution 8 --max-steps 1 --threads 1 --init-from " +
                  (*folder_ / "all.safetensors"));
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("G 12 of 12 tensors from G, "));
}

TEST_F(WeightsOfARun, ACheckpointOfANewerProgramIsNotPassedOver) {
  const std::string run = copy("newer");
  const std::string file = fs::canonical(run + "/latest").string() + "/manifest.json";
  nlohmann::json manifest = nlohmann::json::parse(read_file(file));
  manifest["format"] = 2;
  manifest["more"] = "than this program knows";
  std::ofstream(file) << manifest.dump(1) << "\n";
  const Outcome outcome =
      run_command(mpirun(2) + program("pgan-train") + " --run " + run + " --max-steps 20");
  EXPECT_EQ(outcome.code, 4) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("checkpoint format 2, this program reads up to 1"));
  // One damaged digit is damage: the older one is taken, and this one laid aside.
  manifest.erase("more");
  std::ofstream(file) << manifest.dump(1) << "\n";
  const Outcome older =
      run_command(mpirun(2) + program("pgan-train") + " --run " + run + " --max-steps 20");
  EXPECT_EQ(older.code, 0) << older.output;
  EXPECT_THAT(older.output, HasSubstr("using the older checkpoint"));
  EXPECT_TRUE(fs::exists(run + "/damaged-images-000000000272"));
}

TEST_F(WeightsOfARun, TheBestByAFieldOfTheStatisticsIsKept) {
  const std::string run = *folder_ / "best";
  const Outcome outcome =
      run_command(train(run) +
                  "--resolution 8 --fmap-base 64 --fmap-max 8 --latent 8 --max-steps 12 "
                  "--checkpoint-kimg 0.032 --tick-kimg 0.016 --keep-last 1 --keep-best step");
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(fs::exists(run + "/images-000000000032"));  // the smallest step of all
  EXPECT_FALSE(fs::exists(run + "/images-000000000064"));
  EXPECT_TRUE(fs::exists(run + "/images-000000000192"));
  EXPECT_EQ(run_command(train(run) + "--keep-best :max").code, 2);
}

}  // namespace
}  // namespace pgan
