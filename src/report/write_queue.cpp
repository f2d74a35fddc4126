#include "report/write_queue.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/log.h"

namespace pgan::report {
namespace {

constexpr std::size_t kMostWaiting = 1000;
constexpr auto kSayAgain = std::chrono::minutes(10);
constexpr auto kLongestGoodbye = std::chrono::seconds(10);

}  // namespace

struct WriteQueue::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> waiting;
  bool busy = false, ended = false, dropping = false;
};

WriteQueue::WriteQueue() : state_(std::make_shared<State>()) {
  std::thread([state = state_] { run(state); }).detach();
}

WriteQueue::~WriteQueue() {
  flush(kLongestGoodbye);
  const std::lock_guard lock(state_->mutex);
  state_->ended = true;
  state_->changed.notify_all();
}

void WriteQueue::run(const std::shared_ptr<State>& state) {
  std::map<std::string, std::chrono::steady_clock::time_point> told;
  std::unique_lock lock(state->mutex);
  for (;;) {
    state->changed.wait(lock, [&] { return state->ended || !state->waiting.empty(); });
    if (state->waiting.empty()) return;
    std::function<void()> work = std::move(state->waiting.front());
    state->waiting.pop_front();
    state->busy = true;
    lock.unlock();
    try {
      work();
    } catch (...) {
      const std::string message = current_failure().message;
      const auto now = std::chrono::steady_clock::now();
      const auto before = told.find(message);
      if (before == told.end() || now - before->second > kSayAgain) {
        told[message] = now;
        log_warning(message + "; training goes on");
      }
    }
    work = nullptr;  // what it captured is let go on this thread
    lock.lock();
    state->busy = false;
    state->changed.notify_all();
  }
}

void WriteQueue::post(std::function<void()> work) {
  bool warn = false;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->waiting.size() < kMostWaiting) {
      state_->waiting.push_back(std::move(work));
      state_->dropping = false;
    } else {
      warn = !std::exchange(state_->dropping, true);
    }
    state_->changed.notify_all();
  }
  if (warn) log_warning("the disk does not take the run's reports: some are left out");
}

bool WriteQueue::flush(std::chrono::milliseconds longest) {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, longest,
                                  [&] { return state_->waiting.empty() && !state_->busy; });
}

}  // namespace pgan::report
