#include "comm/watchdog.h"

#include <deque>
#include <future>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/work_queue.h"

namespace pgan::comm {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

/// Letters between ranks of this process. A stopped rank reads and writes none.
struct Post {
  std::mutex mutex;
  std::map<int, std::deque<Letters::Letter>> boxes;
  int sent = 0;
};

class PostOffice : public Letters {
 public:
  PostOffice(std::shared_ptr<Post> post, int rank) : post_(std::move(post)), rank_(rank) {}
  void send(int to, const std::string& text) override {
    const std::lock_guard lock(post_->mutex);
    post_->boxes[to].push_back({rank_, text});
    ++post_->sent;
  }
  std::optional<Letter> receive() override {
    const std::lock_guard lock(post_->mutex);
    auto& box = post_->boxes[rank_];
    if (box.empty()) return std::nullopt;
    Letter letter = box.front();
    box.pop_front();
    return letter;
  }

 private:
  std::shared_ptr<Post> post_;
  int rank_;
};

class WatchdogTest : public ::testing::Test {
 protected:
  struct Told {
    std::mutex mutex;
    std::vector<std::pair<int, std::string>> verdicts;
    std::vector<std::string> warnings;
  };

  std::unique_ptr<Watchdog> make(int rank, int ranks, double timeout,
                                 const std::string& elsewhere = "step 7, reading images for 9 s",
                                 bool ending = false) {
    std::vector<std::string> hosts;
    for (int i = 0; i < ranks; ++i) hosts.push_back("node" + std::to_string(i));
    const auto tell = [told = told_, rank](const std::string& verdict) {
      const std::lock_guard lock(told->mutex);
      told->verdicts.emplace_back(rank, verdict);
    };
    const auto warn = [told = told_](const std::string& verdict) {
      const std::lock_guard lock(told->mutex);
      told->warnings.push_back(verdict);
    };
    return std::make_unique<Watchdog>(Watchdog::Rank{rank, hosts},
                                      std::make_unique<PostOffice>(post_, rank),
                                      Watchdog::Hooks{.ending = [=] { return ending; },
                                                      .timeout_seconds = [=] { return timeout; },
                                                      .elsewhere = [=] { return elsewhere; },
                                                      .warn = warn,
                                                      .tell = tell,
                                                      .end = [](const std::string&) {}});
  }
  std::vector<std::pair<int, std::string>> wait_for_verdicts(std::chrono::seconds longest) {
    for (auto waited = 0ms; waited < longest; waited += 50ms) {
      std::this_thread::sleep_for(50ms);
      const std::lock_guard lock(told_->mutex);
      if (!told_->verdicts.empty()) break;
    }
    std::this_thread::sleep_for(500ms);  // others could follow
    const std::lock_guard lock(told_->mutex);
    return told_->verdicts;
  }

  std::shared_ptr<Post> post_ = std::make_shared<Post>();
  std::shared_ptr<Told> told_ = std::make_shared<Told>();
};

TEST_F(WatchdogTest, NamesTheRankThatDoesNotAnswerOnceForAllRanks) {
  std::vector<std::unique_ptr<Watchdog>> ranks;
  for (const int rank : {0, 1, 3}) {  // rank 2 was stopped
    ranks.push_back(make(rank, 4, 1.0));
    ranks.back()->begin("gradients of G, bucket 2 of 5 (step 812, phase G)");
  }
  const auto verdicts = wait_for_verdicts(10s);
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].first, 0);
  EXPECT_THAT(verdicts[0].second, HasSubstr("bucket 2 of 5 (step 812, phase G)"));
  EXPECT_THAT(verdicts[0].second, HasSubstr("rank 2 on node2 does not answer"));
}

TEST_F(WatchdogTest, NamesWhereARankIsThatDoesNotCome) {
  const auto waiting = make(0, 2, 1.0), reading = make(1, 2, 1.0);
  waiting->begin("barrier (step 7)");
  const auto verdicts = wait_for_verdicts(10s);
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_THAT(verdicts[0].second,
              HasSubstr("rank 1 on node1 is in step 7, reading images for 9 s"));
}

TEST_F(WatchdogTest, NamesRanksThatLostStep) {
  const auto first = make(0, 2, 1.0), second = make(1, 2, 1.0);
  second->begin("one call");
  second->done();
  second->begin("another call");
  first->begin("one call");
  const auto verdicts = wait_for_verdicts(10s);
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_THAT(verdicts[0].second, HasSubstr("rank 1 on node1 is in collective 2, not 1"));
}

TEST_F(WatchdogTest, ACollectiveThatEndsAndAShortOneDisturbNobody) {
  const auto dog = make(0, 2, 1.0);  // nobody would answer
  for (int i = 0; i < 20; ++i) {
    dog->begin("all_reduce");
    std::this_thread::sleep_for(80ms);
    dog->done();
  }
  EXPECT_TRUE(wait_for_verdicts(0s).empty());
  EXPECT_EQ(post_->sent, 0);
}

TEST_F(WatchdogTest, ARankThatDoesNotAnswerIsWarnedOfOnceBeforeTheTimeout) {
  const auto first = make(0, 3, 600), second = make(1, 3, 600);
  for (auto* dog : {first.get(), second.get()}) dog->begin("all_reduce (step 3)");
  EXPECT_TRUE(wait_for_verdicts(8s).empty());
  const std::lock_guard lock(told_->mutex);
  ASSERT_EQ(told_->warnings.size(), 1U);
  EXPECT_THAT(told_->warnings[0], HasSubstr("all_reduce (step 3)"));
  EXPECT_THAT(told_->warnings[0], HasSubstr("rank 2 on node2 has not answered"));
}

TEST_F(WatchdogTest, ASilentRankIsGivenUpWhenTheLauncherEndsTheJobASlowOneNot) {
  auto alone = make(0, 2, 600, "", true);
  alone->begin("all_reduce (step 3)");
  const auto verdicts = wait_for_verdicts(12s);
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_THAT(verdicts[0].second, HasSubstr("rank 1 on node1"));
  alone.reset();
  told_->verdicts.clear();
  post_->boxes.clear();
  const auto first = make(0, 2, 600, "", true), slow = make(1, 2, 600, "", true);
  first->begin("all_reduce (step 3)");
  EXPECT_TRUE(wait_for_verdicts(9s).empty());
}

TEST_F(WatchdogTest, ASlowRankIsWarnedOfByNobody) {
  const auto first = make(0, 2, 600), slow = make(1, 2, 600);
  first->begin("all_reduce (step 3)");
  EXPECT_TRUE(wait_for_verdicts(6s).empty());
  EXPECT_TRUE(told_->warnings.empty());
}

TEST_F(WatchdogTest, ARankThatFollowedAWarningStillNamesTheOneThatWarned) {
  auto first = make(0, 2, 600);
  const auto second = make(1, 2, 6);
  for (auto* dog : {first.get(), second.get()}) dog->begin("all_reduce (step 3)");
  std::this_thread::sleep_for(4500ms);
  first.reset();  // rank 0 dies after it asked early
  const auto verdicts = wait_for_verdicts(15s);
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_THAT(verdicts[0].second, HasSubstr("rank 0 on node0 does not answer"));
}

TEST(WorkQueue, FailReleasesWaitersWhileATaskHangs) {
  std::promise<void> free;
  auto released = free.get_future().share();
  std::atomic<bool> ran_later = false;
  std::unique_ptr<Work> done, stuck, later;
  {
    WorkQueue queue;
    done = queue.post([] {});
    done->wait();
    stuck = queue.post([released] { released.wait(); });
    later = queue.post([&] { ran_later = true; });
    std::this_thread::sleep_for(50ms);
    queue.fail(std::make_exception_ptr(CommError("given up")));
    EXPECT_THROW(stuck->wait(), CommError);
    EXPECT_THROW(later->wait(), CommError);
    EXPECT_NO_THROW(done->wait());
    EXPECT_THROW(queue.post([] {})->wait(), CommError);
  }  // does not wait for the hanging task
  free.set_value();
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(ran_later);
}

}  // namespace
}  // namespace pgan::comm
