// A run's life: stopped by a signal, resumed by its folder alone, sampled, exported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <nlohmann/json.hpp>

#include "checkpoint/load.h"
#include "checkpoint/safetensors.h"
#include "programs.h"

namespace pgan {
namespace {
using namespace tests;
using ::testing::HasSubstr;

std::string options(const std::string& pack, const std::string& run) {
  return program("pgan-train") + " --data " + pack + " --run " + run +
         " --fmap-base 64 --fmap-max 8 --latent 8 --minibatch 16 --stable-kimg 0.048 --fade-kimg "
         "0.064"
         " --total-kimg 100 --seed 5 --threads 1 ";
}

class RunTest : public ::testing::Test {
 protected:
  void SetUp() override { pack_ = make_pack(folder_); }
  std::vector<nlohmann::json> stats(const std::string& run) {
    std::vector<nlohmann::json> lines;
    std::istringstream text(read_file(run + "/stats.jsonl"));
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  ScratchFolder folder_;
  std::string pack_;
};

TEST_F(RunTest, AStopSignalLeavesACheckpointAndExit75AndTheFolderAloneResumes) {
  const std::string run = folder_ / "run";
  const Outcome stopped = run_command(
      mpirun(2) + options(pack_, run) + "& pid=$!; for i in $(seq 300); do [ -s " + run +
      "/stats.jsonl ] && break; sleep 0.1; done; sleep 1; kill -USR1 $pid; wait $pid");
  EXPECT_EQ(stopped.code, 75) << stopped.output;
  EXPECT_THAT(stopped.output, HasSubstr("resume with"));
  const nlohmann::json status = nlohmann::json::parse(read_file(run + "/status.json"));
  EXPECT_EQ(status.at("state"), "stopped");
  EXPECT_EQ(status.at("exit_code"), 75);
  const std::int64_t step = status.at("step");
  EXPECT_EQ(checkpoint::open_newest(run).manifest.progress.step, step);

  const std::int64_t end = step + 5;
  const Outcome resumed = run_command(mpirun(4) + program("pgan-train") + " --run " + run +
                                      " --max-steps " + std::to_string(end));
  EXPECT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("resuming from"));
  EXPECT_EQ(checkpoint::open_newest(run).manifest.progress.step, end);
  const auto lines = stats(run);
  ASSERT_GE(lines.size(), 2u);
  EXPECT_EQ(lines.front().at("step"), 1);
  for (const char* field : {"step", "kimg", "resolution", "alpha", "loss_d", "loss_g"}) {
    EXPECT_TRUE(lines.front().contains(field)) << field;
  }
  for (std::size_t i = 1; i < lines.size(); ++i)
    EXPECT_LT(lines[i - 1].at("step"), lines[i].at("step"));
  EXPECT_EQ(lines.back().at("step"), end);
}

TEST_F(RunTest, ResumingAFinishedRunDoesNothingAndOtherOptionsAreRefused) {
  const std::string run = folder_ / "run";
  const std::string command = options(pack_, run) + "--max-steps 3 ";
  ASSERT_EQ(run_command(command).code, 0);
  EXPECT_EQ(run_command(command).code, 0);
  EXPECT_EQ(checkpoint::open_newest(run).manifest.progress.step, 3);
  const Outcome other =
      run_command(command + "--seed 6 2>&1 | sed s/--seed.5//; exit ${PIPESTATUS[0]}");
  EXPECT_EQ(other.code, 2) << other.output;
  const Outcome changed =
      run_command(program("pgan-train") + " --run " + run + " --learning-rate 0.5");
  EXPECT_EQ(changed.code, 2);
  EXPECT_THAT(changed.output, HasSubstr("--learning-rate 0.5 (the run has 0.001)"));
  EXPECT_THAT(changed.output, HasSubstr("--override"));
  EXPECT_EQ(run_command(program("pgan-train") + " --run " + run +
                        " --learning-rate 0.5 --override --max-steps 4")
                .code,
            0);
  EXPECT_EQ(run_command(program("pgan-train") + " --run " + run + " --resume none").code, 2);
}

TEST_F(RunTest, AConfigFileRepeatsTheExperiment) {
  const std::string first = folder_ / "first", second = folder_ / "second";
  ASSERT_EQ(run_command(options(pack_, first) + "--max-steps 4").code, 0);
  const Outcome again =
      run_command(program("pgan-train") + " --config " + first + "/config.ini --run " + second);
  ASSERT_EQ(again.code, 0) << again.output;
  const TensorMap a = checkpoint::read_tensors(checkpoint::open_newest(first));
  const TensorMap b = checkpoint::read_tensors(checkpoint::open_newest(second));
  for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
}

TEST_F(RunTest, SamplesDependOnTheirSeedAloneAndExportHoldsTheAverage) {
  const std::string run = folder_ / "run";
  ASSERT_EQ(run_command(options(pack_, run) + "--max-steps 4").code, 0);
  EXPECT_TRUE(fs::exists(run + "/samples/reals.png"));
  EXPECT_TRUE(fs::exists(run + "/samples/fakes-000000.png"));
  const std::string sample = program("pgan-sample") + " --checkpoint " + run + " --out ";
  ASSERT_EQ(run_command(sample + (folder_ / "a.png") + " --seeds 7").code, 0);
  ASSERT_EQ(run_command(sample + (folder_ / "b.png") + " --seeds 7-7").code, 0);
  ASSERT_EQ(run_command(sample + (folder_ / "c.png") + " --seeds 8").code, 0);
  EXPECT_EQ(read_file(folder_ / "a.png"), read_file(folder_ / "b.png"));
  EXPECT_NE(read_file(folder_ / "a.png"), read_file(folder_ / "c.png"));
  EXPECT_EQ(run_command(sample + (folder_ / "d.png") + " --seeds 9-3").code, 2);
  EXPECT_EQ(run_command(program("pgan-sample") + " --checkpoint " + pack_ + " --out " +
                        (folder_ / "d.png"))
                .code,
            4);
  const std::string file = folder_ / "g.safetensors";
  ASSERT_EQ(run_command(program("pgan-checkpoint") + " export " + run + " --out " + file).code, 0);
  checkpoint::Metadata metadata;
  const TensorMap exported = checkpoint::read_safetensors(file, &metadata);
  const TensorMap state = checkpoint::read_tensors(checkpoint::open_newest(run), "G_ema/");
  EXPECT_EQ(exported.size(), state.size());
  EXPECT_TRUE(torch::equal(exported.at("4.dense.weight"), state.at("G_ema/4.dense.weight")));
  EXPECT_EQ(nlohmann::json::parse(metadata.at("architecture")).at("latent"), 8);
}

/// Of another model than the default: the run, its config.ini, a file of networks and a preset each
/// say which.
TEST_F(RunTest, TheModelNeedNotBeSaidTwice) {
  const std::string run = folder_ / "star";
  const std::string begin =
      program("pgan-train") + " --model stargan --data " + pack_ +
      " --attributes Male,Young --generator-width 8 --discriminator-width 8 "
      "--residual-blocks 1 --discriminator-layers 3 --minibatch 8 --threads 1 "
      "--progress none --max-steps 1 --run ";
  const Outcome begun = run_command(begin + run);
  ASSERT_EQ(begun.code, 0) << begun.output;
  const std::string quiet = " --threads 1 --progress none --max-steps 2 ";
  const Outcome resumed = run_command(mpirun(2) + program("pgan-train") + " --run " + run + quiet);
  EXPECT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_EQ(checkpoint::open_newest(run).manifest.progress.step, 2);
  // Done already, on several ranks: it ends at once.
  const Outcome again = run_command(mpirun(2) + program("pgan-train") + " --run " + run + quiet);
  EXPECT_EQ(again.code, 0) << again.output;
  EXPECT_THAT(again.output, HasSubstr("nothing was left to do"));

  const Outcome branched = run_command(program("pgan-train") + " --resume " + run + " --run " +
                                       (folder_ / "branch") + " --max-steps 3 --progress none");
  EXPECT_EQ(branched.code, 0) << branched.output;
  const Outcome from_config =
      run_command(program("pgan-train") + " --config " + run + "/config.ini --run " +
                  (folder_ / "fresh") + " --max-steps 1");
  EXPECT_EQ(from_config.code, 0) << from_config.output;
  EXPECT_EQ(checkpoint::open_newest(folder_ / "fresh").manifest.recipe, "stargan");

  const std::string all = folder_ / "all.safetensors";
  ASSERT_EQ(
      run_command(program("pgan-checkpoint") + " export " + run + " --network all --out " + all)
          .code,
      0);
  const Outcome warm =
      run_command(program("pgan-train") + " --data " + pack_ + " --init-from " + all + " --run " +
                  (folder_ / "warm") + " --minibatch 8 --max-steps 1 --progress none");
  EXPECT_EQ(warm.code, 0) << warm.output;
  EXPECT_THAT(warm.output, HasSubstr("starting from"));
  const Outcome preset =
      run_command(program("pgan-train") + " --data " + pack_ +
                  " --preset stargan-lecture --discriminator-layers 3 --dry-run");
  EXPECT_EQ(preset.code, 0) << preset.output;
  EXPECT_THAT(preset.output, HasSubstr("Male, Young, Pale_Skin"));
}

}  // namespace
}  // namespace pgan
