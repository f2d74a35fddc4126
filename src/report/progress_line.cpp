#include "report/progress_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/error.h"
#include "core/launcher.h"
#include "report/format.h"

namespace pgan::report {
namespace {

constexpr double kBarSeconds = 0.1;
constexpr double kLineSeconds = 60;
constexpr std::string_view kErase = "\r\x1b[K";

void print(std::FILE* out, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), out);
  std::fflush(out);
}

std::string kimg_text(const TickReport& report) {
  const double kimg = static_cast<double>(report.progress.images) / 1000;
  const std::string now = text_of(kimg < 1 ? "%.3f" : "%.1f", kimg);
  return report.kimg_total > 0 ? now + text_of("/%.10g", report.kimg_total) : now;
}

}  // namespace

std::string progress_text(const TickReport& report) {
  const auto resolution = static_cast<long long>(report.growth.resolution);
  std::string text = text_of("kimg %s  %lldx%lld alpha %.2f ", kimg_text(report).c_str(),
                             resolution, resolution, report.growth.alpha);
  for (const auto& [name, loss] : report.losses) {
    text += text_of(" %s %s", name.c_str(), value_text(loss).c_str());
  }
  if (!report.losses.empty()) text += ' ';
  text += text_of(" %s img/s  ETA %s", rate_text(report.images_per_second).c_str(),
                  duration_text(report.eta_seconds).c_str());
  if (report.memory_bytes > 0) text.append("  mem ").append(bytes_text(report.memory_bytes));
  text += text_of("  data %s ranks %s", share_text(report.data_wait_share).c_str(),
                  share_text(report.rank_wait_share).c_str());
  return text;
}

ProgressMode resolve_progress(const std::string& choice, bool terminal, bool launcher) {
  if (choice == "bar") return ProgressMode::bar;
  if (choice == "lines") return ProgressMode::lines;
  if (choice == "none") return ProgressMode::none;
  if (choice != "auto") {
    throw ConfigError("--progress " + choice + ": expected auto, bar, lines or none");
  }
  return terminal && !launcher ? ProgressMode::bar : ProgressMode::lines;
}

ProgressMode resolve_progress(const std::string& choice, std::FILE* out) {
  return resolve_progress(choice, ::isatty(::fileno(out)) == 1, under_launcher());
}

int terminal_columns(std::FILE* out) {
  winsize size{};
  const bool known = ::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

ProgressLine::ProgressLine(ProgressMode mode, std::FILE* out, Hooks hooks)
    : mode_(mode), out_(out), hooks_(std::move(hooks)) {
  if (!hooks_.columns) hooks_.columns = [out] { return terminal_columns(out); };
  if (hooks_.seconds) return;
  hooks_.seconds = [] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
  };
}

ProgressLine::~ProgressLine() {
  finish();
}

void ProgressLine::update(const TickReport& report) {
  const std::lock_guard lock(mutex_);
  last_ = report;
  shown_ = false;
  if (mode_ == ProgressMode::lines && line_is_due(report)) print_line();
  const bool bar_is_due = !on_screen_ || hooks_.seconds() - last_seconds_ >= kBarSeconds;
  if (mode_ == ProgressMode::bar && bar_is_due) draw_bar();
}

void ProgressLine::finish() {
  const std::lock_guard lock(mutex_);
  if (mode_ == ProgressMode::lines && last_ && !shown_) print_line();
  if (mode_ != ProgressMode::bar) return;
  hidden_ = false;
  if (last_ && (on_screen_ || !shown_)) {
    draw_bar();
    print(out_, "\n");
  }
  on_screen_ = false;
  last_.reset();
}

void ProgressLine::write_line(std::string_view line) {
  const std::lock_guard lock(mutex_);
  const bool bar = on_screen_;
  erase_bar();
  print(out_, std::string(line) + "\n");
  if (bar) draw_bar();
}

void ProgressLine::clear() {
  const std::lock_guard lock(mutex_);
  erase_bar();
  hidden_ = true;
}

void ProgressLine::redraw() {
  const std::lock_guard lock(mutex_);
  hidden_ = false;
  if (mode_ == ProgressMode::bar) draw_bar();
}

bool ProgressLine::line_is_due(const TickReport& report) const {
  return !last_growth_ || last_growth_->resolution != report.growth.resolution ||
         last_growth_->fading() != report.growth.fading() ||
         hooks_.seconds() - last_seconds_ >= kLineSeconds;
}

void ProgressLine::print_line() {
  print(out_, progress_text(*last_) + "\n");
  shown_ = true;
  last_growth_ = last_->growth;
  last_seconds_ = hooks_.seconds();
}

void ProgressLine::draw_bar() {
  if (hidden_ || !last_) return;
  // The last column stays free: some terminals wrap when it is written.
  const auto room = static_cast<std::size_t>(std::max(1, hooks_.columns() - 1));
  print(out_, std::string(kErase) + progress_text(*last_).substr(0, room));
  on_screen_ = true;
  shown_ = true;
  last_seconds_ = hooks_.seconds();
}

void ProgressLine::erase_bar() {
  if (on_screen_) print(out_, kErase);
  on_screen_ = false;
}

}  // namespace pgan::report
