#include "comm/work_queue.h"

#include <cstdint>
#include <utility>

namespace pgan::comm {

struct WorkQueue::Shared {
  std::mutex mutex;
  std::condition_variable posted, finished;
  std::deque<std::function<void()>> tasks;
  std::uint64_t last_posted = 0, last_done = 0;  // tasks are numbered from 1
  std::exception_ptr failed;
  std::uint64_t first_failed = 0;
  bool stopping = false, running = false;

  /// With the mutex held.
  void note_failure(std::exception_ptr error) {
    if (failed) return;
    failed = std::move(error);
    first_failed = last_done + 1;
  }
};

class WorkQueue::Ticket : public Work {
 public:
  Ticket(std::shared_ptr<Shared> shared, std::uint64_t number)
      : shared_(std::move(shared)), number_(number) {}
  void wait() override {
    std::unique_lock lock(shared_->mutex);
    shared_->finished.wait(lock, [this] { return shared_->last_done >= number_ || failed(); });
    if (failed()) std::rethrow_exception(shared_->failed);
  }

 private:
  bool failed() const { return shared_->failed && number_ >= shared_->first_failed; }
  std::shared_ptr<Shared> shared_;
  std::uint64_t number_;
};

WorkQueue::WorkQueue()
    : shared_(std::make_shared<Shared>()), worker_([shared = shared_] { run(shared); }) {}

WorkQueue::~WorkQueue() {
  bool hangs = false;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    hangs = shared_->failed && shared_->running;
  }
  shared_->posted.notify_one();
  if (hangs) {
    worker_.detach();
  } else {
    worker_.join();
  }
}

std::unique_ptr<Work> WorkQueue::post(std::function<void()> task) {
  const std::lock_guard lock(shared_->mutex);
  shared_->tasks.push_back(std::move(task));
  shared_->posted.notify_one();
  return std::make_unique<Ticket>(shared_, ++shared_->last_posted);
}

void WorkQueue::fail(std::exception_ptr error) {
  const std::lock_guard lock(shared_->mutex);
  shared_->note_failure(std::move(error));
  shared_->finished.notify_all();
}

bool WorkQueue::has_failed() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->failed != nullptr;
}

void WorkQueue::run(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->posted.wait(lock, [&] { return shared->stopping || !shared->tasks.empty(); });
    if (shared->tasks.empty()) return;
    std::function<void()> task = std::move(shared->tasks.front());
    shared->tasks.pop_front();
    if (!shared->failed) {
      shared->running = true;
      lock.unlock();
      std::exception_ptr error;
      try {
        task();
      } catch (...) {
        error = std::current_exception();
      }
      // An operation that was given up may still write into its tensors: they are kept for ever.
      if (error) new std::function<void()>(std::move(task));
      task = nullptr;  // lets go of its tensors before anybody is told
      lock.lock();
      shared->running = false;
      if (error) shared->note_failure(error);
    }
    ++shared->last_done;
    shared->finished.notify_all();
  }
}

}  // namespace pgan::comm
