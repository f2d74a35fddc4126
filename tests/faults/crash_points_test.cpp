// A rank is killed before each call that it makes on a checkpoint's files: no crash loses a run.
// PGAN_FAULTS_ALL=1: every point of every case, 4 minutes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "faults/jobs.h"

namespace pgan {
namespace {
using namespace tests;
using ::testing::AnyOf;
using ::testing::IsEmpty;

constexpr const char* kAllCalls = "call=open|write|fsync|mkdir|rename|renameat2|symlink|unlink";
constexpr const char* kNameCalls = "call=rename|renameat2|symlink|unlink";
constexpr const char* kCheckpoints = " match=images-|latest";
constexpr const char* kFirst = "images-000000000032";
constexpr const char* kOld = "images-000000000064";
constexpr const char* kNew = "images-000000000096";

class CrashPointsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = missing_for_jobs(); !missing.empty()) GTEST_SKIP() << missing;
    pack_ = make_pack(folder_);
    before_ = folder_ / "before";
    reference_ = folder_ / "reference";
  }

  /// before_ ends at the old checkpoint, reference_ goes on to the new one without a fault.
  void make_runs(const std::string& more) {
    old_ = kOld;
    more_ = more + " --max-steps 6";
    const Outcome first = run_command(job(tiny_run(pack_, before_, more + " --max-steps 4")));
    ASSERT_EQ(first.code, 0) << first.output;
    copy_folder(before_, reference_);
    ASSERT_EQ(go_on(reference_).code, 0);
  }

  Outcome go_on(const std::string& run, const std::string& fault = "") {
    return run_command(job(fault + tiny_run(pack_, run, more_)));
  }

  /// Calls of each rank, learnt from a run in which nothing fails.
  std::vector<std::vector<std::string>> learn() {
    const std::string run = folder_ / "learn", log = folder_ / "calls";
    copy_folder(before_, run);
    const Outcome outcome = go_on(run, with_fault(calls_ + files_ + " nth=0", log));
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    std::vector<std::vector<std::string>> calls(2);
    std::istringstream text(read_file(log));
    std::size_t rank = 0, index = 0;
    for (std::string call; text >> rank >> index && std::getline(text, call);)
      calls.at(rank).push_back(call.substr(1));
    return calls;
  }

  void expect_intact(const std::string& run, const std::string& newest) {
    EXPECT_THAT(newest, AnyOf(old_, new_));
    // A run is not whole while one damaged on purpose stands in it.
    const Outcome verified = verify(damaged_ > 0 ? run + "/" + newest : run);
    EXPECT_EQ(verified.code, newest.empty() ? 4 : 0) << verified.output;
  }

  /// The rank dies before its nth call; then the same command must end as if it had not.
  void crash(int rank, int nth, const std::string& call) {
    SCOPED_TRACE("rank " + std::to_string(rank) + " killed before its call " + std::to_string(nth) +
                 ": " + call);
    const std::string run = folder_ / "run";
    copy_folder(before_, run);
    const std::string rule = "rank=" + std::to_string(rank) + " " + calls_ + files_ +
                             " nth=" + std::to_string(nth) + " do=kill";
    const Outcome killed = go_on(run, with_fault(rule));
    // Which rank makes the hidden folder is up to chance, so the last call may not come.
    EXPECT_TRUE(killed.code == 137 || killed.code == 0) << killed.code << killed.output;
    died_ += killed.code == 137 ? 1 : 0;
    const std::string newest = newest_whole(run);
    expect_intact(run, newest);
    ++(newest == new_ ? new_stood_ : old_stood_);
    const Outcome resumed = go_on(run);
    EXPECT_EQ(resumed.code, 0) << resumed.output;
    expect_same_run(run, reference_);
    EXPECT_THAT(leftovers_of(run, "images-"), IsEmpty());
    EXPECT_EQ(latest_of(run), new_);
    EXPECT_EQ(set_aside_in(run), damaged_);
  }

  void crash_everywhere() {
    const auto calls = learn();
    int cases = 0, points = 0;
    for (int rank = 0; rank < 2; ++rank) {
      const int count = static_cast<int>(calls.at(rank).size());
      points += count;
      const int stride = all_ ? 1 : (count + most_points_ - 1) / most_points_;
      for (int nth = 1; nth <= count && !HasFatalFailure(); nth += stride, ++cases)
        crash(rank, nth, calls.at(rank).at(nth - 1));
    }
    std::printf(
        "crash points: %d of %d, killed %d; newest whole was the old %d, the new %d times\n", cases,
        points, died_, old_stood_, new_stood_);
    EXPECT_GE(cases, 5);
    EXPECT_GE(died_, cases - 2);
    EXPECT_GT(old_stood_, 0);
    EXPECT_GT(new_stood_, 0);
  }

  static int set_aside_in(const std::string& run) {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(run))
      count += entry.path().filename().string().starts_with("damaged-") ? 1 : 0;
    return count;
  }

  /// A checkpoint that was damaged after it was written, in the place of the next one. What is new
  /// then is that it gets another name.
  void damage_next() {
    if (!all_) calls_ = kNameCalls;
    copy_folder(reference_ + "/" + kNew, before_ + "/" + kNew);
    const std::string shard = before_ + "/" + kNew + "/rank-00001-of-00002.safetensors";
    fs::resize_file(shard, fs::file_size(shard) - 1);
    damaged_ = 1;
  }

  ScratchFolder folder_;
  std::string calls_ = kAllCalls, files_ = kCheckpoints;
  int most_points_ = 60;  // of a rank, unless all are asked for
  std::string pack_, before_, reference_, more_;
  std::string old_, new_ = kNew;  // checkpoints; no old one: a first start
  const bool all_ = number_from("PGAN_FAULTS_ALL", 0) != 0;
  int damaged_ = 0, died_ = 0, old_stood_ = 0, new_stood_ = 0;
};

TEST_F(CrashPointsTest, OfAFirstStart) {
  new_ = kFirst;
  more_ = "--max-steps 2";
  files_ = " match=" + (folder_ / "");  // all that a run writes
  most_points_ = 12;
  ASSERT_EQ(go_on(reference_).code, 0);
  crash_everywhere();
}

TEST_F(CrashPointsTest, OfASaveAndOfTheRemovalOfTheOldOne) {
  make_runs("--keep-last 1");
  crash_everywhere();
}

TEST_F(CrashPointsTest, OfAResumeOverADamagedOne) {
  make_runs("--keep-last 0");
  damage_next();
  crash_everywhere();
}

}  // namespace
}  // namespace pgan
