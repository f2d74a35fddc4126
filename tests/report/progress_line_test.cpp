#include "report/progress_line.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace pgan::report {
namespace {

using ::testing::HasSubstr;

/// An in-memory FILE.
class Screen {
 public:
  Screen() : out_(::open_memstream(&text_, &size_)) {}
  ~Screen() {
    std::fclose(out_);
    std::free(text_);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  std::FILE* out() { return out_; }
  std::string text() {
    std::fflush(out_);
    return {text_, size_};
  }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* out_;
};

struct Clock {
  double now = 100;
  int columns = 200;
  ProgressLine::Hooks hooks() {
    return {[this] { return now; }, [this] { return columns; }};
  }
};

TickReport report_at(std::int64_t images, Growth growth = {16, 0.45}) {
  TickReport report;
  report.progress.images = images;
  report.growth = growth;
  report.kimg_total = 100;
  report.losses = {{"D", -1.234}, {"G", 0.45}};
  report.images_per_second = 512.3;
  report.eta_seconds = 754;
  report.memory_bytes = 1'234'567'890;
  report.data_wait_share = 0.031;
  report.rank_wait_share = 0.05;
  return report;
}

constexpr const char* kText =
    "kimg 12.3/100  16x16 alpha 0.45  D -1.23 G 0.45  512 img/s  ETA 12m34s  mem 1.2 GB  data 3% "
    "ranks 5%";

std::int64_t lines_of(const std::string& text) {
  return std::ranges::count(text, '\n');
}

TEST(ProgressText, says_everything) {
  EXPECT_EQ(progress_text(report_at(12'345)), kText);
}

TEST(ProgressText, without_what_is_not_known) {
  TickReport report;
  report.progress.images = 64;
  EXPECT_EQ(progress_text(report), "kimg 0.064  4x4 alpha 1.00  0 img/s  ETA ?  data 0% ranks 0%");
}

TEST(ProgressMode, auto_is_a_bar_only_on_a_terminal_without_launcher) {
  EXPECT_EQ(resolve_progress("auto", true, false), ProgressMode::bar);
  EXPECT_EQ(resolve_progress("auto", true, true), ProgressMode::lines);
  EXPECT_EQ(resolve_progress("auto", false, false), ProgressMode::lines);
  EXPECT_EQ(resolve_progress("bar", false, true), ProgressMode::bar);
  EXPECT_EQ(resolve_progress("none", true, false), ProgressMode::none);
  EXPECT_THROW(resolve_progress("Bar", true, false), ConfigError);
}

TEST(ProgressBar, is_one_line_redrawn_in_place) {
  Screen screen;
  Clock clock;
  ProgressLine line(ProgressMode::bar, screen.out(), clock.hooks());
  line.update(report_at(1000));
  clock.now += 0.05;
  line.update(report_at(2000));  // too soon
  clock.now += 0.06;
  line.update(report_at(12'345));
  EXPECT_THAT(screen.text(), Not(HasSubstr("kimg 2.0")));
  EXPECT_TRUE(screen.text().ends_with(std::string("\r\x1b[K") + kText));
  EXPECT_EQ(lines_of(screen.text()), 0);
  line.finish();
  line.finish();
  EXPECT_EQ(lines_of(screen.text()), 1);
}

TEST(ProgressBar, finish_shows_what_was_held_back) {
  Screen screen;
  Clock clock;
  {
    ProgressLine line(ProgressMode::bar, screen.out(), clock.hooks());
    line.update(report_at(1000));
    line.update(report_at(12'345));
  }
  EXPECT_TRUE(screen.text().ends_with(std::string(kText) + "\n"));
}

TEST(ProgressBar, is_cut_to_the_width_of_the_moment) {
  Screen screen;
  Clock clock;
  clock.columns = 20;
  ProgressLine line(ProgressMode::bar, screen.out(), clock.hooks());
  line.update(report_at(12'345));
  EXPECT_EQ(screen.text(), "\r\x1b[Kkimg 12.3/100  16x1");
}

TEST(ProgressBar, log_lines_do_not_tear_it) {
  Screen screen;
  Clock clock;
  clock.columns = 10;
  ProgressLine line(ProgressMode::bar, screen.out(), clock.hooks());
  line.write_line("before");
  line.update(report_at(12'345));
  line.write_line("saved");
  EXPECT_EQ(screen.text(), "before\n\r\x1b[Kkimg 12.3\r\x1b[Ksaved\n\r\x1b[Kkimg 12.3");
}

TEST(ProgressBar, stays_away_between_clear_and_redraw) {
  Screen screen;
  Clock clock;
  clock.columns = 10;
  ProgressLine line(ProgressMode::bar, screen.out(), clock.hooks());
  line.update(report_at(12'345));
  line.clear();
  const std::string cleared = screen.text();
  EXPECT_EQ(cleared, "\r\x1b[Kkimg 12.3\r\x1b[K");
  clock.now += 10;
  line.update(report_at(13'000));
  EXPECT_EQ(screen.text(), cleared);
  line.redraw();
  EXPECT_EQ(screen.text(), cleared + "\r\x1b[Kkimg 13.0");
}

TEST(ProgressLines, first_then_one_a_minute) {
  Screen screen;
  Clock clock;
  ProgressLine line(ProgressMode::lines, screen.out(), clock.hooks());
  line.update(report_at(12'345));
  EXPECT_EQ(screen.text(), std::string(kText) + "\n");
  for (int i = 0; i < 59; ++i) {
    clock.now += 1;
    line.update(report_at(13'000 + i, {16, 0.5}));
  }
  EXPECT_EQ(lines_of(screen.text()), 1);
  clock.now += 1;
  line.update(report_at(14'000));
  EXPECT_EQ(lines_of(screen.text()), 2);
}

TEST(ProgressLines, growth_is_shown_at_once) {
  Screen screen;
  Clock clock;
  ProgressLine line(ProgressMode::lines, screen.out(), clock.hooks());
  line.update(report_at(1000, {8, 1.0}));
  line.update(report_at(2000, {16, 0.0}));
  line.update(report_at(3000, {16, 0.9}));
  line.update(report_at(4000, {16, 1.0}));
  EXPECT_EQ(lines_of(screen.text()), 3);
  EXPECT_THAT(screen.text(), Not(HasSubstr("kimg 3.0")));
}

TEST(ProgressLines, end_with_the_last_report_once) {
  Screen screen;
  Clock clock;
  ProgressLine line(ProgressMode::lines, screen.out(), clock.hooks());
  line.update(report_at(1000));
  line.update(report_at(12'345));
  line.finish();
  line.finish();
  EXPECT_EQ(lines_of(screen.text()), 2);
  EXPECT_TRUE(screen.text().ends_with(std::string(kText) + "\n"));
}

TEST(ProgressNone, says_nothing_but_the_log) {
  Screen screen;
  ProgressLine line(ProgressMode::none, screen.out());
  line.update(report_at(1000));
  line.write_line("log");
  line.finish();
  EXPECT_EQ(screen.text(), "log\n");
}

}  // namespace
}  // namespace pgan::report
