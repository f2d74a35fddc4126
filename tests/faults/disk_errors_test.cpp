// Disks that fail, fill up or hang while checkpoints are saved, and a second job on a run's folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "faults/jobs.h"

namespace pgan {
namespace {
using namespace tests;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Lt;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kOld = "images-000000000064";
constexpr int kFirst = 4, kLast = 24, kLong = 80;  // steps; a checkpoint every second one

class DiskErrorsTest : public ::testing::Test {
 protected:
  /// One pack, and one run with a checkpoint, for all tests here.
  static void SetUpTestSuite() {
    if (!missing_for_jobs().empty()) return;
    shared_ = new ScratchFolder;
    pack_ = make_pack(*shared_);
    const Outcome first = run_command(job(tiny_run(pack_, *shared_ / "first", steps(kFirst))));
    EXPECT_EQ(first.code, 0) << first.output;
    copy_folder(*shared_ / "first", *shared_ / "reference");
    const Outcome more = run_command(job(tiny_run(pack_, *shared_ / "reference", steps(kLast))));
    EXPECT_EQ(more.code, 0) << more.output;
  }
  static void TearDownTestSuite() {
    delete shared_;
    shared_ = nullptr;
  }
  void SetUp() override {
    if (shared_ == nullptr) GTEST_SKIP() << missing_for_jobs();
    copy_folder(*shared_ / "first", run_);
  }

  static std::string steps(int last) { return "--keep-last 2 --max-steps " + std::to_string(last); }

  Outcome go_on(const std::string& rules, int last, const std::string& more = "") {
    return run_command(
        job((rules.empty() ? "" : with_fault(rules)) + tiny_run(pack_, run_, steps(last) + more)));
  }

  std::int64_t last_step() const {
    const auto lines = stats_of(run_);
    return lines.empty() ? 0 : lines.rbegin()->first;
  }

  nlohmann::json status() const {
    return nlohmann::json::parse(read_file(run_ + "/status.json"), nullptr, false);
  }

  /// Ended with `code` and one line that says why; what was saved before is still whole.
  void expect_failed_in_order(const Outcome& outcome, int code) {
    EXPECT_EQ(outcome.code, code) << outcome.output;
    EXPECT_THAT(lines_with(outcome.output, ": error: "), SizeIs(1)) << outcome.output;
    EXPECT_EQ(status().value("state", ""), "failed");
    EXPECT_EQ(status().value("exit_code", 0), code);
    const Outcome verified = verify(run_);
    EXPECT_EQ(verified.code, 0) << verified.output;
  }

  void expect_resumes() {
    const Outcome resumed = go_on("", kLast);
    EXPECT_EQ(resumed.code, 0) << resumed.output;
    expect_same_run(run_, *shared_ / "reference");
    EXPECT_THAT(leftovers_of(run_, "images-"), IsEmpty());
  }

  static inline ScratchFolder* shared_ = nullptr;
  static inline std::string pack_;
  ScratchFolder folder_;
  const std::string run_ = folder_ / "run";
};

struct Brief {
  const char* name;
  const char* rule;
  /// How the warning begins; another one where what fails comes after the commit, so that the
  /// checkpoint stands all the same.
  const char* warning = "a checkpoint could not be saved";
};

void PrintTo(const Brief& brief, std::ostream* out) {
  *out << brief.rule;
}

class BriefErrorTest : public DiskErrorsTest, public ::testing::WithParamInterface<Brief> {};

TEST_P(BriefErrorTest, CostsOneCheckpointAndALine) {
  const Outcome outcome = go_on(GetParam().rule, kLast);
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  const auto warnings = lines_with(outcome.output, "warning:");
  ASSERT_THAT(warnings, SizeIs(1)) << outcome.output;
  EXPECT_THAT(warnings[0], HasSubstr(std::string("warning: ") + GetParam().warning));
  EXPECT_THAT(lines_with(outcome.output, ": error: "), IsEmpty());
  expect_same_run(run_, *shared_ / "reference");
  EXPECT_THAT(leftovers_of(run_, "images-"), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Calls, BriefErrorTest,
    ::testing::Values(
        Brief{"mkdir", "call=mkdir match=images- nth=1 do=ENOSPC"},
        Brief{"open", "rank=1 call=open match=rank-00001 nth=1 do=EDQUOT"},
        Brief{"write", "rank=1 call=write match=rank-00001 nth=1 do=ENOSPC"},
        Brief{"short_write", "rank=1 call=write match=rank-00001 nth=2 do=short"},
        Brief{"write_of_rank_0", "rank=0 call=write match=rank-00000 nth=1 do=EIO"},
        Brief{"fsync", "rank=1 call=fsync match=rank-00001 nth=1 do=EIO"},
        Brief{"close", "rank=1 call=close match=partial/rank-00001 nth=1 do=EDQUOT"},
        Brief{"fsync_of_the_hidden_folder", "rank=1 call=fsync match=.partial$ nth=1 do=EIO"},
        Brief{"manifest_open", "rank=0 call=open match=manifest nth=1 do=ENOSPC"},
        Brief{"manifest_write", "rank=0 call=write match=manifest nth=1 do=short"},
        Brief{"manifest_fsync", "rank=0 call=fsync match=manifest nth=1 do=EIO"},
        Brief{"rename", "rank=0 call=rename match=images- nth=1 do=EIO"},
        Brief{"symlink", "rank=0 call=symlink match=latest nth=1 do=ENOSPC", "after saving"},
        Brief{"rename_of_the_link", "rank=0 call=rename match=latest nth=1 do=EIO", "after saving"},
        Brief{"rename_to_deleted", "rank=0 call=rename match=.deleted nth=1 do=EIO",
              "cannot delete"}),
    [](const auto& test) { return test.param.name; });

class LastingErrorTest : public DiskErrorsTest, public ::testing::WithParamInterface<Brief> {};

TEST_P(LastingErrorTest, EndsTheRunLongBeforeItsEndAndTheOldCheckpointStands) {
  const Outcome outcome = go_on(GetParam().rule, kLong);
  expect_failed_in_order(outcome, 4);
  EXPECT_THAT(last_step(), Lt(kLong)) << "trained to its end without a checkpoint";
  EXPECT_EQ(checkpoints_of(run_).back(), kOld);
  expect_resumes();
}

INSTANTIATE_TEST_SUITE_P(
    Calls, LastingErrorTest,
    ::testing::Values(Brief{"write", "rank=1 call=write match=rank-00001 nth=1 do=ENOSPC+"},
                      Brief{"fsync", "rank=1 call=fsync match=rank-00001 nth=1 do=EIO+"},
                      Brief{"open", "rank=0 call=open match=rank-00000 nth=1 do=EROFS+"},
                      Brief{"manifest_write", "rank=0 call=write match=manifest nth=1 do=EIO+"},
                      Brief{"manifest_fsync", "rank=0 call=fsync match=manifest nth=1 do=EIO+"},
                      Brief{"rename", "rank=0 call=rename match=images- nth=1 do=EIO+"}),
    [](const auto& test) { return test.param.name; });

TEST_F(DiskErrorsTest, AFullDiskUnderTheStatisticsCostsAWarningNotTheRun) {
  const Outcome outcome = go_on("rank=0 call=write match=stats.jsonl nth=3 do=ENOSPC+", kLast);
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("No space left on device"));
  const auto warnings = lines_with(outcome.output, "warning: ");
  EXPECT_THAT(warnings, Each(HasSubstr("stats.jsonl"))) << outcome.output;
  EXPECT_THAT(warnings, SizeIs(AllOf(Ge(1u), Le(4u)))) << outcome.output;
  EXPECT_THAT(lines_with(outcome.output, ": error: "), IsEmpty());
  const std::string newest = checkpoints_of(run_).back();
  EXPECT_EQ(newest, checkpoints_of(*shared_ / "reference").back());
  EXPECT_EQ(difference(run_ + "/" + newest, *shared_ / "reference" + "/" + newest), "");
  EXPECT_EQ(status().value("state", ""), "done");
  const std::int64_t written = last_step();
  EXPECT_THAT(written, AllOf(Ge(kFirst), Lt(kLast)));
  EXPECT_EQ(go_on("", kLast + 2).code, 0);
  EXPECT_EQ(last_step(), kLast + 2) << "no lines after the disk was mended";
}

class HangTest : public DiskErrorsTest, public ::testing::WithParamInterface<Brief> {};

TEST_P(HangTest, EndsWhenTheDrainTimeoutIsOver) {
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome = go_on(GetParam().rule, kLast, " --drain-timeout 3");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  expect_failed_in_order(outcome, 4);
  EXPECT_THAT(outcome.output, HasSubstr("--drain-timeout"));
  EXPECT_THAT(seconds.count(), Lt(20));
  EXPECT_EQ(checkpoints_of(run_).back(), kOld);
  expect_resumes();
}

INSTANTIATE_TEST_SUITE_P(
    Calls, HangTest,
    ::testing::Values(Brief{"fsync_of_a_shard", "rank=1 call=fsync match=rank-00001 nth=1 do=hang"},
                      Brief{"write_of_a_shard", "rank=0 call=write match=rank-00000 nth=1 do=hang"},
                      Brief{"fsync_of_the_manifest",
                            "rank=0 call=fsync match=manifest nth=1 do=hang"},
                      Brief{"rename", "rank=0 call=rename match=images- nth=1 do=hang"}),
    [](const auto& test) { return test.param.name; });

/// From the first write of a save on, nothing on rank 0 comes back that changes the run's folder:
/// neither its log nor its status can be written.
TEST_F(DiskErrorsTest, AFolderThatHangsEndsTheRunWhenTheDrainTimeoutIsOver) {
  const std::string log = folder_ / "calls", all = "rank=0 call=any match=" + run_ + "/";
  EXPECT_EQ(
      run_command(job(with_fault(all + " nth=0", log) + tiny_run(pack_, run_, steps(kLast)))).code,
      0);
  const auto writes = lines_with(read_file(log), " write " + run_ + "/.images-");
  ASSERT_THAT(writes, Not(IsEmpty()));
  const std::string nth = writes[0].substr(2, writes[0].find(' ', 2) - 2);  // RANK INDEX CALL PATH
  copy_folder(*shared_ / "first", run_);
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome = go_on(all + " nth=" + nth + " do=hang+", kLast, " --drain-timeout 3");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(outcome.code, 4) << outcome.output;
  EXPECT_THAT(lines_with(outcome.output, ": error: "), SizeIs(1)) << outcome.output;
  EXPECT_THAT(seconds.count(), Lt(20));
  EXPECT_EQ(newest_whole(run_), kOld);
  expect_resumes();
}

TEST_F(DiskErrorsTest, DivergenceWhileASaveHangsStillEndsTheJob) {
  const Outcome outcome = go_on("rank=0 call=fsync match=images- nth=1 do=hang", kLong,
                                " --drain-timeout 3 --override --learning-rate 1e9");
  expect_failed_in_order(outcome, 6);
  expect_resumes();
}

/// Shell text: starts a job, waits for its first line of statistics.
std::string started(const std::string& command, const std::string& run) {
  return command + " >" + run + ".first 2>&1 & first=$!; for i in $(seq 200); do [ -s " + run +
         "/stats.jsonl ] && break; sleep 0.05; done; ";
}

TEST_F(DiskErrorsTest, ASecondJobOnTheFolderEndsAtOnceAndTheFirstGoesOn) {
  fs::remove_all(run_);
  const std::string command = job(tiny_run(pack_, run_, steps(400)));
  const Outcome both = run_command(started(command, run_) + command +
                                   "; echo second ended with $?; kill -0 $first && echo first "
                                   "lives; wait $first; echo first ended with $?");
  EXPECT_THAT(both.output, HasSubstr("second ended with 4"));
  EXPECT_THAT(both.output, HasSubstr("first lives"));
  EXPECT_THAT(both.output, HasSubstr("first ended with 0"));
  EXPECT_THAT(lines_with(both.output, ": error: "), SizeIs(1)) << both.output;
  EXPECT_THAT(both.output, HasSubstr("is in use by pid "));
  EXPECT_THAT(read_file(run_ + ".first"), Not(HasSubstr("warning")));
  EXPECT_EQ(stats_of(run_).size(), 400u);
  EXPECT_EQ(status().value("state", ""), "done");
}

TEST_F(DiskErrorsTest, AKilledJobKeepsNoLock) {
  fs::remove_all(run_);
  const std::string command = job(tiny_run(pack_, run_, steps(2000)));
  const Outcome both =
      run_command(started(command, run_) + "kill -9 $(sed -n \"s/^pid \\([0-9]*\\) .*/\\1/p\" " +
                  run_ + "/.lock); wait $first; " + "echo first ended with $?; " +
                  job(tiny_run(pack_, run_, steps(kLast))));
  EXPECT_THAT(both.output, HasSubstr("first ended with 137"));
  EXPECT_EQ(both.code, 0) << both.output;
  EXPECT_EQ(verify(run_).code, 0);
}

}  // namespace
}  // namespace pgan
