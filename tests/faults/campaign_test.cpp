// Runs that are killed again and again, at random moments, lose nothing that was committed and end
// as if nothing had happened.
//   PGAN_FAULT_KILLS   how many kills (25, about 90 s; 200 take 10 minutes)
//   PGAN_FAULT_SEED    of the moments and victims
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <thread>

#include "faults/jobs.h"
#include "faults/processes.h"

namespace pgan {
namespace {
using namespace tests;
using ::testing::IsEmpty;

constexpr int kSteps = 120;
constexpr double kLongestEnd = 10;   // seconds for all of a job to be gone after a rank's death
constexpr double kLongestJob = 120;  // seconds
constexpr const char* kGrowth = "--stable-kimg 0.32 --fade-kimg 0.64";

enum class Victim { rank, all, mpirun };

struct Tally {
  int kills = 0, chains = 0;
  std::map<std::string, int> victims, parts;
  std::int64_t most_repeated = 0, most_lost = 0;
  double slowest_end = 0;
  std::size_t temporary_files = 0;
};

std::int64_t step_of(const std::string& checkpoint) {
  return std::atoll(checkpoint.substr(std::string("images-").size()).c_str()) / 16;
}

std::string texts(const std::map<std::string, int>& counts) {
  std::string text;
  for (const auto& [name, count] : counts)
    text += (text.empty() ? "" : ", ") + name + " " + std::to_string(count);
  return text;
}

class CampaignTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = missing_for_jobs(); !missing.empty()) GTEST_SKIP() << missing;
    pack_ = make_pack(folder_);
    std::printf("PGAN_FAULT_SEED=%lld\n", static_cast<long long>(seed_));
  }

  std::string command(const std::string& run) const {
    const std::string text =
        job(tiny_run(pack_, run, "--keep-last 2 --max-steps " + std::to_string(kSteps), kGrowth));
    return "env " + text;
  }

  /// The run that all others must equal; also measures how long one takes to start and for a step.
  void make_reference() {
    const JobClock::time_point start = JobClock::now();
    SessionJob reference(command(reference_), output_);
    while (!reference.ended() && reached_step(reference_) == 0 && seconds_since(start) < 60)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    start_seconds_ = seconds_since(start);
    ASSERT_TRUE(reference.wait_until(start + std::chrono::seconds(60))) << read_file(output_);
    ASSERT_EQ(reference.code(), 0) << read_file(output_);
    step_seconds_ = (seconds_since(start) - start_seconds_) / kSteps;
  }

  /// What a run is doing, from its folder.
  std::string part_of(const std::string& run, std::size_t log_before) const {
    if (fs::exists(run) && !leftovers_of(run, ".partial").empty()) return "saving";
    const std::string log = read_file(run + "/log.txt");
    const std::string session = log.size() > log_before ? log.substr(log_before) : "";
    if (session.find(" run ") == std::string::npos) return "start-up";
    if (session.find(" done at") != std::string::npos) return "ending";
    const std::size_t tick = session.rfind(" alpha "), growth = session.rfind(": growing to");
    if (growth != std::string::npos && (tick == std::string::npos || growth > tick))
      return "growth";
    if (tick != std::string::npos) return "training";
    return session.find("resuming from") != std::string::npos ? "resuming" : "start-up";
  }

  Victim kill_some(SessionJob& running) {
    const auto choice = std::uniform_int_distribution<int>(0, 9)(random_);
    const std::vector<pid_t> ranks = running.running("pgan-train");
    if (choice < 5 && !ranks.empty()) {
      ::kill(ranks[random_() % ranks.size()], SIGKILL);
      return Victim::rank;
    }
    if (choice < 7 && !ranks.empty()) {
      ::kill(running.leader(), SIGKILL);
      return Victim::mpirun;
    }
    running.kill_all();
    return Victim::all;
  }

  /// Newest checkpoint that the log calls saved; empty where it names none.
  std::string newest_reported(const std::string& run) const {
    std::string newest;
    for (const std::string& line : lines_with(read_file(run + "/log.txt"), " saved: ")) {
      const std::size_t at = line.find("images-");
      newest = std::max(newest, line.substr(at, line.find(' ', at) - at));
    }
    return newest;
  }

  void check_after_kill(const std::string& run) {
    const std::string reported = newest_reported(run);
    const std::vector<std::string> visible = checkpoints_of(run);
    for (const std::string& name : visible) {
      const Outcome verified = verify(run + "/" + name);
      EXPECT_EQ(verified.code, 0) << verified.output;
    }
    const std::string newest = visible.empty() ? "" : visible.back();
    if (newest < reported) {
      ADD_FAILURE() << reported << " was saved, the newest is \"" << newest << "\"";
      tally_.most_lost =
          std::max(tally_.most_lost, step_of(reported) - (newest.empty() ? 0 : step_of(newest)));
    }
    EXPECT_EQ(!latest_of(run).empty(), fs::exists(run + "/latest/manifest.json"));
    const std::int64_t reached = reached_step(run);
    tally_.most_repeated =
        std::max(tally_.most_repeated, reached - (newest.empty() ? 0 : step_of(newest)));
  }

  /// The last step whose line is whole.
  static std::int64_t reached_step(const std::string& run) {
    const std::string text = read_file(run + "/stats.jsonl");
    const std::size_t at = text.rfind("{\"step\":");
    return at == std::string::npos ? 0 : std::atoll(text.c_str() + at + 8);
  }

  void count(const std::string& victim, const std::string& part, double end_seconds) {
    ++tally_.kills;
    ++tally_.victims[victim];
    ++tally_.parts[part];
    tally_.slowest_end = std::max(tally_.slowest_end, end_seconds);
  }

  /// Until the log says that this session's ranks are up; a job that ends before is seen later.
  void wait_for_training(const std::string& run, std::size_t log_before) const {
    const JobClock::time_point start = JobClock::now();
    while (seconds_since(start) < kLongestJob) {
      const std::string log = read_file(run + "/log.txt");
      if (log.size() > log_before && log.find(" run ", log_before) != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  /// One start. Whether the run reached its end; `may_kill` false: it must.
  bool start_once(const std::string& run, bool may_kill) {
    const std::size_t log_before = read_file(run + "/log.txt").size();
    const auto names = checkpoints_of(run);
    const std::int64_t left = kSteps - (names.empty() ? 0 : step_of(names.back()));
    const double training = 1.1 * static_cast<double>(left) * step_seconds_;
    // One in four anywhere from the start on; the others once training has begun, however long a
    // busy machine takes until then.
    const bool from_start = random_() % 4 == 0;
    const double moment = std::uniform_real_distribution<double>(
        0, training + (from_start ? start_seconds_ : 0))(random_);
    SessionJob running(command(run), output_);
    if (may_kill && !from_start) wait_for_training(run, log_before);
    const JobClock::time_point start = JobClock::now();
    const double limit = may_kill ? moment : kLongestJob;
    if (running.wait_until(start + std::chrono::microseconds(static_cast<long>(limit * 1e6)))) {
      EXPECT_EQ(running.code(), 0) << read_file(output_);
      EXPECT_TRUE(running.wait_until_gone(kLongestEnd));
      return true;
    }
    if (!may_kill) ADD_FAILURE() << "no end after " << limit << " s\n" << read_file(output_);
    const std::string part = part_of(run, log_before);
    const Victim victim = kill_some(running);
    const std::string name = victim == Victim::rank     ? "one rank"
                             : victim == Victim::mpirun ? "mpirun alone"
                                                        : "all";
    SCOPED_TRACE("kill " + std::to_string(tally_.kills + 1) + ", " + name + ", while " + part);
    const JobClock::time_point death = JobClock::now();
    EXPECT_TRUE(running.wait_until_gone(kLongestEnd)) << "processes are left";
    count(name, part, seconds_since(death));
    check_after_kill(run);
    return false;
  }

  /// Kills and starts a run until it ends. `most` kills, then it is left alone.
  void chain(const std::string& run, int most) {
    for (bool done = false; !done && !HasFailure();) done = start_once(run, tally_.kills < most);
    if (HasFailure()) return;
    ++tally_.chains;
    expect_same_run(run, reference_);
    EXPECT_THAT(leftovers_of(run, "images-"), IsEmpty());
    EXPECT_EQ(latest_of(run), checkpoints_of(run).back());
    tally_.temporary_files = std::max(tally_.temporary_files, leftovers_of(run, ".tmp-").size());
  }

  void report() const {
    std::printf(
        "%d kills (%s) during %s; %d chains completed; most steps repeated %lld, committed steps "
        "lost %lld; slowest end of a job %.1f s; temporary files left %zu\n",
        tally_.kills, texts(tally_.victims).c_str(), texts(tally_.parts).c_str(), tally_.chains,
        static_cast<long long>(tally_.most_repeated), static_cast<long long>(tally_.most_lost),
        tally_.slowest_end, tally_.temporary_files);
  }

  const std::int64_t seed_ = number_from("PGAN_FAULT_SEED", 1);
  std::mt19937_64 random_{static_cast<std::uint64_t>(seed_)};
  ScratchFolder folder_;
  const std::string reference_ = folder_ / "reference", output_ = folder_ / "output";
  std::string pack_;
  double start_seconds_ = 0, step_seconds_ = 0;
  Tally tally_;
};

TEST_F(CampaignTest, KilledRunsLoseNothingThatWasCommitted) {
  const int kills = static_cast<int>(number_from("PGAN_FAULT_KILLS", 25));
  ASSERT_NO_FATAL_FAILURE(make_reference());
  for (int i = 0; tally_.kills < kills && !HasFailure(); ++i) {
    const std::string run = folder_ / ("run" + std::to_string(i));
    chain(run, kills);
    if (HasFailure()) {
      std::printf("the job's last output:\n%s\n", read_file(output_).c_str());
    } else {
      fs::remove_all(run);
    }
  }
  report();
  EXPECT_EQ(tally_.most_lost, 0);
}

}  // namespace
}  // namespace pgan
