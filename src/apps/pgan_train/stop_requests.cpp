#include "apps/pgan_train/stop_requests.h"

#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "core/log.h"

namespace pgan::apps {
namespace fs = std::filesystem;
namespace {

constexpr auto kLook = std::chrono::seconds(1);

volatile std::sig_atomic_t g_signal = 0;  // a handler can reach nothing but a global

void on_signal(int number) {
  if (number == SIGINT && g_signal == SIGINT) _exit(128 + SIGINT);
  if (g_signal == 0) g_signal = number;
}

std::string name_of(int signal) {
  const char* name = sigabbrev_np(signal);
  return name == nullptr ? "signal " + std::to_string(signal) : "SIG" + std::string(name);
}

}  // namespace

void watch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) sigaction(number, &action, nullptr);
}

int stop_signal() {
  return g_signal;
}

struct StopRequests::Watch {
  explicit Watch(fs::path path) : file(std::move(path)) {}

  void run() {
    std::unique_lock lock(mutex);
    while (!found && !changed.wait_for(lock, kLook, [this] { return ended; })) {
      lock.unlock();
      std::error_code ignored;
      const bool there = fs::exists(file, ignored);
      if (there) fs::remove(file, ignored);
      found = there;
      lock.lock();
    }
  }

  const fs::path file;
  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;
  std::atomic<bool> found = false;
};

StopRequests::StopRequests(std::chrono::steady_clock::time_point start, double seconds,
                           fs::path file) {
  if (seconds > 0) {
    end_ = start + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                       std::chrono::duration<double>(seconds));
  }
  if (file.empty()) return;
  std::error_code error;
  if (fs::remove(file, error)) {
    log_warning(file.string() + " was there before the start: removed, and training goes on");
  }
  watch_ = std::make_shared<Watch>(std::move(file));
  std::thread([watch = watch_] { watch->run(); }).detach();
}

StopRequests::~StopRequests() {
  if (!watch_) return;
  {
    const std::lock_guard lock(watch_->mutex);
    watch_->ended = true;
  }
  watch_->changed.notify_all();
}

bool StopRequests::any() const {
  return stop_signal() != 0 || (watch_ && watch_->found) ||
         std::chrono::steady_clock::now() >= end_;
}

std::string StopRequests::reason() const {
  if (stop_signal() != 0) return name_of(stop_signal());
  if (watch_ && watch_->found) return "the file stop";
  return any() ? "--stop-after" : "";
}

}  // namespace pgan::apps
