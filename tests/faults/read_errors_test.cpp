// Disks that fail while a run is resumed: it goes on from the newest checkpoint or ends with an
// error, and never begins afresh or falls back because something could not be read.
// PGAN_FAULTS_ALL=1: every call that reads, half an hour.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "faults/jobs.h"

namespace pgan {
namespace {
using namespace tests;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kCalls = "call=open-read|read|pread|stat|opendir|readlink";
constexpr const char* kOlder = "images-000000000032";
constexpr const char* kNewest = "images-000000000096";
constexpr const char* kNext = "images-000000000128";
constexpr int kFirst = 6, kLast = 8;    // steps
constexpr std::size_t kMostCases = 12;  // of a rank, unless all are asked for

class ReadErrorsTest : public ::testing::Test {
 protected:
  /// One pack, and one run with two checkpoints, for all tests here.
  static void SetUpTestSuite() {
    if (!missing_for_jobs().empty()) return;
    shared_ = new ScratchFolder;
    pack_ = make_pack(*shared_);
    before_ = *shared_ / "before";
    reference_ = *shared_ / "reference";
    const Outcome first = train(before_, kFirst);
    EXPECT_EQ(first.code, 0) << first.output;
    EXPECT_THAT(checkpoints_of(before_), ElementsAre(kOlder, kNewest));
    copy_folder(before_, reference_);
    EXPECT_EQ(train(reference_, kLast).code, 0);
  }
  static void TearDownTestSuite() {
    delete shared_;
    shared_ = nullptr;
  }
  void SetUp() override {
    if (shared_ == nullptr) GTEST_SKIP() << missing_for_jobs();
    copy_folder(before_, run_);
  }

  static Outcome train(const std::string& run, int steps, const std::string& fault = "") {
    return run_command(
        job(fault + tiny_run(pack_, run, "--keep-last 2 --max-steps " + std::to_string(steps))));
  }

  std::string rule(int rank, std::size_t nth, const std::string& action) const {
    return "rank=" + std::to_string(rank) + " " + kCalls + " match=" + run_ + "/|" + run_ +
           "$ nth=" + std::to_string(nth) + " do=" + action;
  }

  /// The calls that a rank makes while it goes on, from the log of a run: "CALL PATH".
  std::vector<std::string> calls_in_log() const {
    std::vector<std::string> calls;
    std::istringstream text(read_file(log_));
    std::size_t rank = 0, index = 0;
    for (std::string call; text >> rank >> index && std::getline(text, call);) {
      if (calls.size() < index) calls.resize(index);
      calls[index - 1] = call.substr(1);
    }
    return calls;
  }

  std::vector<std::string> learn(int rank) {
    const Outcome outcome = train(run_, kLast, with_fault(rule(rank, 0, "EIO"), log_));
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return calls_in_log();
  }

  /// Calls to let fail, from 1. By default as many as there is time for of those that differ: of
  /// equal ones the first, the last or one in the middle, in turns.
  std::vector<std::size_t> chosen(const std::vector<std::string>& calls) const {
    std::vector<std::size_t> all, few;
    std::map<std::string, std::vector<std::size_t>> equal;
    for (const std::string& call : calls) {
      all.push_back(all.size() + 1);
      equal[call].push_back(all.back());
    }
    if (all_) return all;
    const std::size_t stride = (equal.size() + kMostCases - 1) / kMostCases;
    std::size_t number = 0;
    for (const auto& [call, places] : equal) {
      if (number++ % stride != 0) continue;
      few.push_back(places[few.size() % 3 * (places.size() - 1) / 2]);
    }
    return few;
  }

  static std::string error_for(const std::string& call, std::size_t number) {
    constexpr const char* kErrors[] = {"EIO", "ESTALE", "EACCES"};
    const bool of_contents = call.starts_with("read ") || call.starts_with("pread ");
    return kErrors[number % (of_contents ? 2 : std::size(kErrors))];
  }

  void expect_nothing_put_aside() const {
    for (const auto& entry : fs::directory_iterator(run_))
      EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("damaged-")));
  }

  void expect_all_lines_kept() const {
    const auto lines = stats_of(run_);
    for (const auto& [step, line] : stats_of(before_)) {
      ASSERT_TRUE(lines.contains(step)) << "no line of step " << step;
      EXPECT_EQ(lines.at(step), line);
    }
  }

  void expect_resumed_from(const Outcome& outcome, const std::string& checkpoint) const {
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("resuming from " + run_ + "/" + checkpoint));
    expect_same_run(run_, reference_);
  }

  /// A call of a rank fails once.
  void fail_once(int rank, std::size_t nth, const std::string& error) {
    copy_folder(before_, run_);
    fs::remove(log_);
    const Outcome outcome = train(run_, kLast, with_fault(rule(rank, nth, error), log_));
    const auto calls = calls_in_log();
    const std::string call = calls.size() < nth ? "none" : calls[nth - 1];
    SCOPED_TRACE("rank " + std::to_string(rank) + ", call " + std::to_string(nth) + ", " + error +
                 ": " + call + "\n" + outcome.output);
    EXPECT_THAT(outcome.output, Not(HasSubstr("older checkpoint")));
    expect_nothing_put_aside();
    if (outcome.code == 0) {
      ++went_on_;
      return expect_resumed_from(outcome, kNewest);
    }
    if (call.find("images-") != std::string::npos) {
      EXPECT_EQ(outcome.code, 4);
    } else {
      EXPECT_THAT(outcome.code, AnyOf(2, 3, 4));
    }
    EXPECT_THAT(lines_with(outcome.output, ": error: "), SizeIs(1));
    EXPECT_THAT(checkpoints_of(run_),
                AnyOf(ElementsAre(kOlder, kNewest), ElementsAre(kNewest, kNext),
                      ElementsAre(kOlder, kNewest, kNext)));
    expect_all_lines_kept();
    expect_resumed_from(train(run_, kLast), checkpoints_of(run_).back());
  }

  void fail_everywhere(int rank) {
    const auto calls = learn(rank);
    const auto points = chosen(calls);
    for (std::size_t i = 0; i < points.size() && !HasFatalFailure(); ++i)
      fail_once(rank, points[i], error_for(calls[points[i] - 1], i));
    std::printf("failed calls that read: %zu of %zu; went on after %d\n", points.size(),
                calls.size(), went_on_);
    EXPECT_THAT(points, SizeIs(::testing::Ge(4u)));
    EXPECT_LT(went_on_, static_cast<int>(points.size())) << "no error came through";
  }

  /// What is there is no whole checkpoint, but tells of one: no reason to begin afresh.
  void expect_refused() {
    const std::string stats = read_file(run_ + "/stats.jsonl");
    const auto names = checkpoints_of(run_);
    const Outcome outcome = train(run_, kLast);
    EXPECT_EQ(outcome.code, 4) << outcome.output;
    EXPECT_THAT(lines_with(outcome.output, ": error: "), SizeIs(1)) << outcome.output;
    EXPECT_EQ(read_file(run_ + "/stats.jsonl"), stats);
    EXPECT_EQ(checkpoints_of(run_), names);
    expect_nothing_put_aside();
  }

  void remove_checkpoints() {
    for (const std::string& name : checkpoints_of(run_)) fs::remove_all(run_ + "/" + name);
  }

  static inline ScratchFolder* shared_ = nullptr;
  static inline std::string pack_, before_, reference_;
  ScratchFolder folder_;
  const std::string run_ = folder_ / "run", log_ = folder_ / "calls";
  const bool all_ = number_from("PGAN_FAULTS_ALL", 0) != 0;
  int went_on_ = 0;
};

TEST_F(ReadErrorsTest, OfRank0) {
  fail_everywhere(0);
}

TEST_F(ReadErrorsTest, OfRank1) {
  fail_everywhere(1);
}

TEST_F(ReadErrorsTest, CheckpointsThatAreDanglingLinksAreNoFreshStart) {
  for (const std::string& name : checkpoints_of(run_)) {
    fs::remove_all(run_ + "/" + name);
    fs::create_directory_symlink(folder_ / "gone" + name, run_ + "/" + name);
  }
  expect_refused();
}

TEST_F(ReadErrorsTest, AFileNamedLikeACheckpointIsNoFreshStart) {
  remove_checkpoints();
  fs::remove(run_ + "/latest");
  std::ofstream(run_ + "/" + kNewest) << "no folder";
  expect_refused();
}

TEST_F(ReadErrorsTest, ALinkToACheckpointThatIsGoneIsNoFreshStart) {
  remove_checkpoints();
  ASSERT_EQ(latest_of(run_), kNewest);
  expect_refused();
  EXPECT_THAT(checkpoints_of(run_), IsEmpty());
}

}  // namespace
}  // namespace pgan
