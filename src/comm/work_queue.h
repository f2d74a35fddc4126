#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "comm/communicator.h"

namespace pgan::comm {

/// One thread that runs collectives in the order they were posted, so that nobody races two
/// communicators and the thread that computes never blocks in MPI (law 4 of docs/architecture.md).
class WorkQueue {
 public:
  WorkQueue();
  /// Finishes what was posted, then joins.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// The returned Work's wait() rethrows what task threw. After a task threw, later ones throw the
  /// same without running: the order of collectives is lost.
  std::unique_ptr<Work> post(std::function<void()> task);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::packaged_task<void()>> tasks_;
  std::exception_ptr failed_;  // touched by the worker only
  bool stopping_ = false;
  std::thread worker_;
};

}  // namespace pgan::comm
