#include <gmock/gmock.h>

#include "programs.h"

namespace pgan::tests {
namespace {

using testing::HasSubstr;

/// Drawn faces, small and many enough for several chunks (256 pictures each).
class PackCommand : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    const Outcome made = run_command(program("pgan-data") + " synth --out " + faces() +
                                     " --count 700 --size 16 --seed 2");
    ASSERT_EQ(made.code, 0) << made.output;
    ASSERT_EQ(pack("straight").code, 0);
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  static std::string faces() { return *folder_ / "faces"; }
  static std::string command(const std::string& out, const std::string& rest = "") {
    return program("pgan-data") + " pack --from " + faces() + " --out " + (*folder_ / out) + " " +
           rest;
  }
  static Outcome pack(const std::string& out, const std::string& rest = "") {
    return run_command(command(out, rest));
  }
  static void expect_as_straight(const std::string& out) {
    const Outcome same = run_command("diff -r " + (*folder_ / "straight") + " " + (*folder_ / out));
    EXPECT_EQ(same.code, 0) << same.output;
    EXPECT_FALSE(fs::exists(*folder_ / (out + ".partial")));
  }
  static inline ScratchFolder* folder_ = nullptr;
};

TEST_F(PackCommand, RanksMakeTheSameBytes) {
  const Outcome three = run_command(mpirun(3) + command("three", "--threads 1"));
  ASSERT_EQ(three.code, 0) << three.output;
  EXPECT_EQ(count_of(three.output, "700 pictures at 4 to 16 pixels"), 1) << three.output;
  expect_as_straight("three");
}

TEST_F(PackCommand, AKilledJobGoesOn) {
  for (const std::string& launcher : {std::string(), mpirun(2)}) {
    const std::string out = launcher.empty() ? "killed" : "killed2";
    // In a file, so that the shell itself has no such words in its command line.
    const std::string script = *folder_ / (out + ".sh");
    std::ofstream(script) << launcher << command(out, "--threads 1") << " &\nwhile [ ! -e "
                          << (*folder_ / (out + ".partial/work/chunk-0"))
                          << " ] && kill -0 $!; do :; done\npkill -9 -f -- \"--out "
                          << (*folder_ / out) << " \"\nwait $!\n";
    const Outcome killed = run_command("bash " + script);
    const bool in_time = !fs::exists(*folder_ / out);
    if (in_time) {
      EXPECT_EQ(killed.code, 137) << killed.output;
    }
    const Outcome again = run_command(launcher + command(out, in_time ? "" : "--force"));
    ASSERT_EQ(again.code, 0) << again.output;
    if (in_time) {
      EXPECT_THAT(again.output, HasSubstr("going on: "));
    }
    expect_as_straight(out);
  }
}

TEST_F(PackCommand, AnInterruptSaysHowToGoOn) {
  const std::string begun = *folder_ / "stopped.partial/work/plan";
  const Outcome stopped =
      run_command("set -m; " + command("stopped", "--threads 1") + " & while [ ! -e " + begun +
                  " ]; do :; done; kill -INT $!; wait $!");
  ASSERT_EQ(stopped.code, 130) << stopped.output;
  EXPECT_THAT(stopped.output, HasSubstr("stopped by signal 2; the same command goes on from here"));
  ASSERT_EQ(pack("stopped").code, 0);
  expect_as_straight("stopped");
}

TEST_F(PackCommand, ABadPictureOfOneRankIsNamedOnce) {
  const std::string bad = faces() + "/img_align_celeba/000600.png", kept = *folder_ / "kept.png";
  fs::rename(bad, kept);
  std::ofstream(bad) << "no picture";
  const Outcome strict = run_command(mpirun(3) + command("strict", "--strict"));
  EXPECT_EQ(strict.code, 3) << strict.output;
  EXPECT_EQ(count_of(strict.output, "error:"), 1) << strict.output;
  EXPECT_THAT(strict.output, HasSubstr("000600.png"));
  const Outcome lenient = run_command(mpirun(3) + command("lenient"));
  EXPECT_EQ(lenient.code, 0) << lenient.output;
  EXPECT_EQ(count_of(lenient.output, "skipped: img_align_celeba/000600.png: "), 1)
      << lenient.output;
  EXPECT_THAT(lenient.output, HasSubstr("699 pictures at 4 to 16"));
  fs::rename(kept, bad);
}

TEST_F(PackCommand, RefusesToStartWithoutRoom) {
  if (run_command("unshare -m true").code != 0) GTEST_SKIP() << "needs root, for a small tmpfs";
  const std::string small = *folder_ / "small";
  fs::create_directory(small);
  const Outcome full = run_command("unshare -m sh -c \"mount -t tmpfs -o size=400k none " + small +
                                   " && " + command("small/pack") + "\"");
  EXPECT_EQ(full.code, 3) << full.output;
  EXPECT_THAT(full.output, HasSubstr("no space: about "));
  EXPECT_THAT(full.output, HasSubstr("choose another --out"));
}

TEST_F(PackCommand, WrongOptionsAreSaidOnce) {
  for (const char* wrong : {"--encode gif", "--layout nothing", "--crop round", "--upscale maybe",
                            "--resolution 48", "--test-fraction 2", "--max-pixels 0"}) {
    const Outcome outcome = run_command(mpirun(2) + command("wrong", wrong));
    EXPECT_EQ(outcome.code, 2) << outcome.output;
    EXPECT_EQ(count_of(outcome.output, "error: "), 1) << outcome.output;
    EXPECT_FALSE(fs::exists(*folder_ / "wrong"));
    EXPECT_FALSE(fs::exists(*folder_ / "wrong.partial"));
  }
}

}  // namespace
}  // namespace pgan::tests
