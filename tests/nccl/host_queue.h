#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "comm/device_queue.h"
#include "nccl/stand_in.h"

namespace pgan::tests {

/// A DeviceQueue of host memory: a thread that does one thing after the other, as a CUDA stream
/// does. What the caller computes is done when it calls, so order_caller() blocks it.
class HostQueue : public comm::DeviceQueue, public StandInStream {
 public:
  explicit HostQueue(std::string identity)
      : identity_(std::move(identity)), thread_([this] { run(); }) {}
  ~HostQueue() override {
    post(nullptr);
    thread_.join();
  }

  torch::Device device() const override { return torch::kCPU; }
  void* handle() const override {
    return static_cast<StandInStream*>(const_cast<HostQueue*>(this));
  }
  void after_caller() override {}
  std::unique_ptr<Mark> mark() override {
    auto there = std::make_shared<Flag>();
    post([there] { there->raise(); });
    return std::make_unique<HostMark>(std::move(there));
  }
  void enter() const noexcept override {}
  std::string identity() const override { return identity_; }

  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    posted_.notify_one();
  }

 private:
  class Flag {
   public:
    void raise() {
      const std::lock_guard lock(mutex_);
      raised_ = true;
      changed_.notify_all();
    }
    bool raised() {
      const std::lock_guard lock(mutex_);
      return raised_;
    }
    void wait() {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return raised_; });
    }

   private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool raised_ = false;
  };

  class HostMark : public Mark {
   public:
    explicit HostMark(std::shared_ptr<Flag> there) : there_(std::move(there)) {}
    bool reached() const override { return there_->raised(); }
    void order_caller() const override { there_->wait(); }

   private:
    std::shared_ptr<Flag> there_;
  };

  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      posted_.wait(lock, [this] { return !tasks_.empty(); });
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      if (!task) return;
      task();
    }
  }

  std::string identity_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> tasks_;
  std::thread thread_;
};

}  // namespace pgan::tests
