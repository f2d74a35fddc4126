#include "comm/work_queue.h"

namespace pgan::comm {
namespace {

class QueuedWork : public Work {
 public:
  explicit QueuedWork(std::future<void> done) : done_(std::move(done)) {}
  void wait() override {
    if (done_.valid()) done_.get();
  }

 private:
  std::future<void> done_;
};

}  // namespace

WorkQueue::WorkQueue() : worker_([this] { run(); }) {}

WorkQueue::~WorkQueue() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  posted_.notify_one();
  worker_.join();
}

std::unique_ptr<Work> WorkQueue::post(std::function<void()> task) {
  std::packaged_task<void()> packaged([this, task = std::move(task)] {
    if (failed_) std::rethrow_exception(failed_);
    try {
      task();
    } catch (...) {
      failed_ = std::current_exception();
      throw;
    }
  });
  auto work = std::make_unique<QueuedWork>(packaged.get_future());
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(packaged));
  }
  posted_.notify_one();
  return work;
}

void WorkQueue::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    posted_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    std::packaged_task<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
  }
}

}  // namespace pgan::comm
