#pragma once
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace pgan::apps {

/// SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 ask the run to stop after a checkpoint. A second SIGINT
/// ends the process at once (exit 130).
void watch_stop_signals();

/// Number of the first such signal, 0 before any.
int stop_signal();

/// Whatever asks a run to stop after a checkpoint: a signal, the clock, a file in its folder.
class StopRequests {
 public:
  /// At once. A file that is there already was meant for an earlier job: it is removed, with a
  /// warning. seconds: from `start` on, 0: no limit. An empty file: none is looked for.
  StopRequests(std::chrono::steady_clock::time_point start, double seconds,
               std::filesystem::path file);
  ~StopRequests();
  StopRequests(const StopRequests&) = delete;
  StopRequests& operator=(const StopRequests&) = delete;

  /// Cheap: looks at no file; a thread does.
  bool any() const;
  /// "SIGUSR1", "--stop-after" or "the file stop"; empty when this process was not asked.
  std::string reason() const;

 private:
  struct Watch;
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::time_point::max();
  std::shared_ptr<Watch> watch_;  // also its thread's, which may hang on a file system
};

}  // namespace pgan::apps
