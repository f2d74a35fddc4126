#include "report/write_queue.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"

namespace pgan::report {
namespace {
using namespace std::chrono_literals;

TEST(WriteQueue, writes_in_order_and_goes_on_after_a_failure) {
  std::vector<int> written;
  WriteQueue queue;
  for (int i = 0; i < 100; ++i) {
    queue.post([&written, i] {
      if (i % 10 == 3) throw DataError("disk full");
      written.push_back(i);
    });
  }
  ASSERT_TRUE(queue.flush(10s));
  EXPECT_EQ(written.size(), 90u);
  EXPECT_TRUE(std::ranges::is_sorted(written));
}

TEST(WriteQueue, does_not_make_its_owner_wait_for_a_disk_that_hangs) {
  const auto gate = std::make_shared<std::promise<void>>();
  const auto started = std::make_shared<std::promise<void>>();
  const auto done = std::make_shared<std::atomic<int>>(0);
  WriteQueue queue;
  queue.post([wait = gate->get_future().share(), started, done] {
    started->set_value();
    wait.wait();
    ++*done;
  });
  started->get_future().wait();  // it waits no more in the queue
  for (int i = 0; i < 2000; ++i) queue.post([done] { ++*done; });
  EXPECT_FALSE(queue.flush(20ms));
  EXPECT_EQ(*done, 0);
  gate->set_value();
  EXPECT_TRUE(queue.flush(10s));
  EXPECT_EQ(*done, 1001);  // what came beyond a thousand was left out
}

TEST(WriteQueue, lets_go_of_what_its_work_captured) {
  const auto captured = std::make_shared<int>(1);
  {
    WriteQueue queue;
    queue.post([captured] {});
  }
  EXPECT_EQ(captured.use_count(), 1);
}

}  // namespace
}  // namespace pgan::report
