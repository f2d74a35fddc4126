#include "comm/start_guard.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "core/error.h"
#include "core/launcher.h"
#include "core/log.h"

namespace pgan::comm {
namespace {

constexpr double kStartSeconds = 180;

double longest_seconds() {
  const char* text = std::getenv("PGAN_START_TIMEOUT");
  const double seconds = text == nullptr ? 0 : std::atof(text);
  return seconds > 0 ? seconds : kStartSeconds;
}

}  // namespace

StartGuard::StartGuard() : thread_([this] { watch(); }) {}

StartGuard::~StartGuard() {
  {
    const std::lock_guard lock(mutex_);
    started_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void StartGuard::watch() {
  std::unique_lock lock(mutex_);
  const double seconds = longest_seconds();
  if (changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return started_; }))
    return;
  log_error("the ranks did not find each other within " +
            std::to_string(static_cast<int>(seconds)) + " s of the start (seen on " + host_name() +
            "): one was stopped, or MPI uses a wrong network card: give " +
            "--mca btl_tcp_if_include CARD --mca oob_tcp_if_include CARD "
            "(docs/troubleshooting.md); PGAN_START_TIMEOUT=SECONDS gives them longer");
  _exit(static_cast<int>(ExitCode::comm));
}

}  // namespace pgan::comm
