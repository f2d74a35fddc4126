#pragma once
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/types.h"

namespace pgan::report {

/// What there is to say about a run at a moment; rates and shares are of the time since the last
/// one.
struct TickReport {
  Progress progress;
  Growth growth;
  double kimg_total = 0;                 ///< 0: open end
  std::map<std::string, double> losses;  ///< e.g. "D", "G"
  double images_per_second = 0;
  double eta_seconds = -1;  ///< negative: not known
  double elapsed_seconds = 0;
  std::int64_t memory_bytes = 0;  ///< of this process; 0: not known
  double data_wait_share = 0;     ///< [0,1] of the time, waiting for batches
  double rank_wait_share = 0;     ///< [0,1] of the time, waiting for other ranks
};

/// "kimg 12.3/100  16x16 alpha 0.45  D -1.23 G 0.45  512 img/s  ETA 12m34s  mem 1.2 GB  data 3%
/// ranks 5%"
std::string progress_text(const TickReport& report);

enum class ProgressMode { bar, lines, none };

/// Resolves `--progress auto|bar|lines|none`: auto is a bar on a terminal without a launcher, else
/// lines. Throws ConfigError for another word.
ProgressMode resolve_progress(const std::string& choice, bool terminal, bool launcher);

/// The same for output to `out` of this process.
ProgressMode resolve_progress(const std::string& choice, std::FILE* out);

/// Columns of the terminal behind out, 80 if it does not say.
int terminal_columns(std::FILE* out);

/// Shows a run's progress. Thread-safe: log lines come from other threads.
///
/// bar: one line, redrawn at most ten times a second and cut to the terminal's width. lines: the
/// first report, then one a minute, each change of growth (resolution, fade's end), and the last
/// one.
class ProgressLine {
 public:
  struct Hooks {
    std::function<double()> seconds;  ///< a monotonic clock
    std::function<int()> columns;     ///< of the terminal, asked at each redraw
  };
  /// out: borrowed, stderr in the programs. Empty hooks: the steady clock, terminal_columns(out).
  ProgressLine(ProgressMode mode, std::FILE* out, Hooks hooks = {});
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(const TickReport& report);
  /// Shows the last report, if it was held back, and ends the bar's line. Later updates start anew.
  void finish();
  /// Prints a line (without its newline) above the bar.
  void write_line(std::string_view line);
  /// Takes the bar off the screen until redraw(), for output that does not come through
  /// write_line().
  void clear();
  /// Puts it back.
  void redraw();

 private:
  bool line_is_due(const TickReport& report) const;
  void draw_bar();
  void erase_bar();
  void print_line();

  ProgressMode mode_;
  std::FILE* out_;
  Hooks hooks_;
  std::mutex mutex_;
  std::optional<TickReport> last_;
  bool shown_ = true;                  ///< last_ has been printed (lines) or drawn (bar)
  bool on_screen_ = false;             ///< the bar is on the terminal's present line
  bool hidden_ = false;                ///< between clear() and redraw()
  double last_seconds_ = 0;            ///< when it was last shown
  std::optional<Growth> last_growth_;  ///< of the last printed line
};

}  // namespace pgan::report
