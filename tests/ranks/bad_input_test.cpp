// Every wrong input: one clear line, the right exit code, no hang; alone and under mpirun.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "programs.h"

namespace pgan {
namespace {
using namespace tests;
using ::testing::HasSubstr;

class BadInput : public ::testing::TestWithParam<int> {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<ScratchFolder>();
    pack_ = make_pack(*folder_);
  }
  static void TearDownTestSuite() { folder_.reset(); }

  std::string launcher() const { return GetParam() == 1 ? "" : mpirun(GetParam()); }

  /// The command fails with the code, in time, with exactly one error line that says each of
  /// `parts`.
  void expect_error(const std::string& arguments, int code, const std::vector<std::string>& parts) {
    const Outcome outcome = run_command(launcher() + program("pgan-train") + " " + arguments);
    EXPECT_EQ(outcome.code, code) << outcome.output;
    EXPECT_EQ(count_of(outcome.output, "pgan-train: error: "), 1) << outcome.output;
    for (const std::string& part : parts) EXPECT_THAT(outcome.output, HasSubstr(part));
  }

  static std::unique_ptr<ScratchFolder> folder_;
  static std::string pack_;
};
std::unique_ptr<ScratchFolder> BadInput::folder_;
std::string BadInput::pack_;

TEST_P(BadInput, UnknownOptionNamesTheNearest) {
  expect_error("--data " + pack_ + " --minibtach 16", 2, {"minibtach", "minibatch"});
}

TEST_P(BadInput, UnknownConfigKeyNamesTheNearestAndTheFile) {
  const std::string file = *folder_ / "bad.ini";
  std::ofstream(file) << "fmap-maks = 3\n";
  expect_error("--data " + pack_ + " --config " + file, 2, {"fmap-maks", "fmap-max", file});
}

TEST_P(BadInput, NoDataAndAFolderThatIsNoPack) {
  expect_error("--max-steps 1", 2, {"--data"});
  expect_error("--data " + (*folder_ / "faces"), 3, {"faces", "pgan-data pack"});
  expect_error("--data " + (*folder_ / "nowhere"), 3, {"nowhere"});
}

TEST_P(BadInput, APackTooSmallForTheResolution) {
  expect_error("--data " + pack_ + " --resolution 64 --minibatch 16", 3, {"16", "8"});
}

TEST_P(BadInput, ARunFolderThatCannotBeMade) {
  expect_error("--data " + pack_ + " --minibatch 12 --max-steps 1 --run /proc/nothing", 2,
               {"/proc/nothing"});
}

TEST_P(BadInput, WrongValues) {
  expect_error("--data " + pack_ + " --model cyclegan", 2, {"cyclegan", "progressive"});
  expect_error("--data " + pack_ + " --preset papre", 2, {"papre", "paper"});
  expect_error("--data " + pack_ + " --max-steps many", 2, {"--max-steps", "many"});
  expect_error("--data " + pack_ + " --device tpu", 2, {"tpu"});
}

TEST_P(BadInput, HelpAndVersionArePrintedOnce) {
  const Outcome help = run_command(launcher() + program("pgan-train") + " --help");
  EXPECT_EQ(help.code, 0);
  EXPECT_EQ(count_of(help.output, "--learning-rate VALUE"), 1);
  const Outcome version = run_command(launcher() + program("pgan-train") + " --version");
  EXPECT_EQ(version.code, 0);
  EXPECT_EQ(count_of(version.output, "LibTorch "), 1);
}

INSTANTIATE_TEST_SUITE_P(Ranks, BadInput, ::testing::Values(1, 3),
                         ::testing::PrintToStringParamName());

TEST_F(BadInput, AMinibatchThatTheRanksDoNotDivideNamesWhatFits) {
  const Outcome outcome =
      run_command(mpirun(3) + program("pgan-train") + " --data " + pack_ + " --minibatch 16");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(count_of(outcome.output, "error:"), 1) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("use 1, 2, 4 ranks"));
}

TEST_F(BadInput, WithoutAMinibatchAnyRankCountJustRuns) {
  const Outcome outcome =
      run_command(mpirun(3) + program("pgan-train") + " --data " + pack_ + " --run " +
                  (*folder_ / "three") + " --fmap-max 4 --latent 4 --max-steps 1 --threads 1");
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("no --preset or --minibatch"));
}

TEST_F(BadInput, ALauncherThatPromisesMoreRanksThanMpiSees) {
  const Outcome outcome =
      run_command("SLURM_NTASKS=4 " + program("pgan-train") + " --data " + pack_);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("SLURM_NTASKS promises 4 ranks, but MPI sees 1"));
}

TEST_F(BadInput, ADamagedPictureEndsTheJobWithExit3NamingTheRank) {
  const std::string copy = *folder_ / "damaged";
  fs::copy(pack_, copy, fs::copy_options::recursive);
  for (const auto& entry : fs::directory_iterator(copy)) {
    if (!entry.path().filename().string().starts_with("r0004-")) continue;
    std::fstream shard(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(shard), {}};
    for (std::size_t at = bytes.find("P6"); at != std::string::npos;
         at = bytes.find("P6", at + 1)) {
      shard.clear();
      shard.seekp(static_cast<std::streamoff>(at));
      shard.write("XX", 2);
    }
  }
  const Outcome outcome =
      run_command(mpirun(2) + program("pgan-train") + " --data " + copy + " --run " +
                  (*folder_ / "broken") + " --minibatch 16 --fmap-max 4 --max-steps 20");
  EXPECT_EQ(outcome.code, 3) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("rank "));
  EXPECT_THAT(outcome.output, HasSubstr("damaged"));
}

TEST_F(BadInput, AFullDiskIsExit3BeforeTraining) {
  if (geteuid() != 0) GTEST_SKIP() << "mounting a small disk needs root";
  const std::string disk = *folder_ / "disk";
  fs::create_directory(disk);
  if (run_command("mount -t tmpfs -o size=64k tmpfs " + disk).code != 0)
    GTEST_SKIP() << "tmpfs cannot be mounted here";
  const Outcome outcome = run_command(program("pgan-train") + " --data " + pack_ + " --run " +
                                      disk + "/run --minibatch 16");
  run_command("umount " + disk);
  EXPECT_EQ(outcome.code, 3) << outcome.output;
  EXPECT_EQ(count_of(outcome.output, "error:"), 1) << outcome.output;
}

}  // namespace
}  // namespace pgan
