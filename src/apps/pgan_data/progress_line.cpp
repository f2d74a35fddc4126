#include "apps/pgan_data/progress_line.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <unistd.h>

namespace pgan::apps {
namespace {

using Clock = std::chrono::steady_clock;

bool terminal_on_stderr() {
  const char* kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

std::string minutes(double seconds) {
  char text[32];
  const auto whole = static_cast<long long>(seconds + 0.5);
  std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  return text;
}

}  // namespace

ProgressLine::ProgressLine(std::string what, std::string unit)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      terminal_(terminal_on_stderr()),
      begin_(Clock::now()),
      last_(begin_) {}

ProgressLine::~ProgressLine() {
  clear();
}

void ProgressLine::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

void ProgressLine::message(const std::string& text) {
  clear();
  std::fprintf(stderr, "%s\n", text.c_str());
}

void ProgressLine::update(std::int64_t done, std::int64_t total, std::int64_t bad) {
  // What an earlier attempt did took no time of this one.
  if (first_ < 0) first_ = done;
  const auto now = Clock::now();
  const auto pause = std::chrono::milliseconds(terminal_ ? 100 : 10'000);
  if (now - last_ < pause || total <= 0) return;
  last_ = now;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  const double rate = static_cast<double>(done - first_) / seconds;
  const std::string left =
      done > first_ ? minutes(static_cast<double>(total - done) / rate) + " left" : "";
  char text[160];
  std::snprintf(text, sizeof text, "%s: %lld of %lld %s  %.*f/s  %s", what_.c_str(),
                static_cast<long long>(done), static_cast<long long>(total), unit_.c_str(),
                rate < 10 ? 1 : 0, rate,
                (left + (bad > 0 ? "  " + std::to_string(bad) + " left out" : "")).c_str());
  if (!terminal_) {
    std::fprintf(stderr, "%s\n", text);
    return;
  }
  constexpr std::int64_t kWidth = 24;
  std::string bar(static_cast<std::size_t>(done * kWidth / total), '#');
  bar.resize(kWidth, '.');
  std::fprintf(stderr, "\r\033[K[%s] %s", bar.c_str(), text);
  std::fflush(stderr);
  shown_ = true;
}

}  // namespace pgan::apps
