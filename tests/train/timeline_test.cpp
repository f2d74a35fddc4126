#include "train/timeline.h"

#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "train/train_options.h"

namespace pgan::train {
namespace {

using namespace std::chrono_literals;

TEST(Timeline, TimeOfAnInnerSpanCountsForItAlone) {
  Timeline timeline;
  {
    const Timeline::Span forward(timeline, Part::forward, "forward");
    std::this_thread::sleep_for(20ms);
    {
      const Timeline::Span reduction(timeline, Part::reduction, "reduction");
      std::this_thread::sleep_for(50ms);
    }
  }
  timeline.move(Part::reduction, Part::waiting, 0.03);
  const PartSeconds seconds = timeline.take();
  EXPECT_GE(of(seconds, Part::forward), 0.02);
  EXPECT_GE(of(seconds, Part::reduction), 0.02);
  EXPECT_EQ(of(seconds, Part::waiting), 0.03);
  double sum = 0;
  for (const double value : seconds) sum += value;
  EXPECT_GE(sum, 0.07);
  EXPECT_EQ(of(timeline.take(), Part::forward), 0);
}

TEST(Timeline, ATraceHasItsSpansAndNothingFromBefore) {
  Timeline timeline;
  const auto early = Timeline::Clock::now();
  { const Timeline::Span before(timeline, Part::data, "before"); }
  timeline.start_trace();
  { const Timeline::Span inside(timeline, Part::data, "inside \"quoted\""); }
  timeline.note("too early", early, early + 1ms);
  timeline.note("call", Timeline::Clock::now(), Timeline::Clock::now() + 2ms);
  const auto events = nlohmann::json::parse("[" + timeline.take_trace(3, "node1") + "]");
  std::vector<std::string> names;
  for (const auto& event : events) {
    EXPECT_EQ(event.at("pid"), 3);
    if (event.at("ph") == "X") names.push_back(event.at("name"));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"inside \"quoted\"", "call"}));
  EXPECT_EQ(events[0].at("args").at("name"), "rank 3 on node1");
  EXPECT_NEAR(events.back().at("dur").get<double>(), 2000, 500);
}

TEST(TrainOptions, TracedSteps) {
  const auto range = [](const std::string& text) {
    TrainOptions options;
    options.trace = text;
    return options.traced_steps();
  };
  EXPECT_EQ(range("100-110").first, 100);
  EXPECT_EQ(range("100-110").last, 110);
  EXPECT_EQ(range("7").last, 7);
  EXPECT_EQ(range("").first, -1);
  for (const char* text : {"0-3", "5-4", "x", "5-", "-5", "1-2-3", "1-100000"})
    EXPECT_THROW(range(text), ConfigError) << text;
}

}  // namespace
}  // namespace pgan::train
