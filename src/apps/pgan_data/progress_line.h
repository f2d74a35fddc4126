#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace pgan::apps {

/// Progress on stderr: a bar on a terminal, else a line every ten seconds.
class ProgressLine {
 public:
  /// what: the work's name; unit: of what is counted.
  ProgressLine(std::string what, std::string unit);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// bad: of those done, where not 0.
  void update(std::int64_t done, std::int64_t total, std::int64_t bad = 0);
  /// Prints a line without disturbing the bar.
  void message(const std::string& text);

 private:
  void clear();

  std::string what_, unit_;
  bool terminal_, shown_ = false;
  std::int64_t first_ = -1;  // done when first told
  std::chrono::steady_clock::time_point begin_, last_;
};

}  // namespace pgan::apps
