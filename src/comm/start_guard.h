#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

namespace pgan::comm {

/// While it lives, at most 180 s or PGAN_START_TIMEOUT of the environment: then it says why and
/// ends the process with exit 5. For the start, before there is a watchdog: MPI waits for ever for
/// ranks that it cannot reach, as where two hosts have a card of the same address.
class StartGuard {
 public:
  StartGuard();
  ~StartGuard();
  StartGuard(const StartGuard&) = delete;
  StartGuard& operator=(const StartGuard&) = delete;

 private:
  void watch();

  std::mutex mutex_;
  std::condition_variable changed_;
  bool started_ = false;
  std::thread thread_;
};

}  // namespace pgan::comm
