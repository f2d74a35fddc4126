#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
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
  /// Finishes what was posted, then joins. After fail() a task may hang for ever: its thread is
  /// left to the end of the process.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// The returned Work's wait() rethrows what task threw. After a task threw, later ones throw the
  /// same without running: the order of collectives is lost.
  std::unique_ptr<Work> post(std::function<void()> task);

  /// From any thread: everything not done yet, and everything posted from now on, counts as thrown
  /// `error`, even while a task hangs.
  void fail(std::exception_ptr error);
  bool has_failed() const;

 private:
  struct Shared;
  class Ticket;
  static void run(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;  // also the worker's, which may outlive the queue
  std::thread worker_;
};

}  // namespace pgan::comm
