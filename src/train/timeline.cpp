#include "train/timeline.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace pgan::train {

double seconds_between(Timeline::Clock::time_point begin, Timeline::Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

double seconds_since(Timeline::Clock::time_point begin) {
  return seconds_between(begin, Timeline::Clock::now());
}

Timeline::Span::Span(Timeline& timeline, Part part, std::string name)
    : timeline_(timeline),
      part_(part),
      name_(std::move(name)),
      outer_(timeline.current_),
      begin_(Clock::now()) {
  timeline_.current_ = this;
}

Timeline::Span::~Span() {
  const Clock::time_point end = Clock::now();
  const double seconds = seconds_between(begin_, end);
  of(timeline_.seconds_, part_) += seconds - inner_seconds_;
  timeline_.current_ = outer_;
  if (outer_ != nullptr) outer_->inner_seconds_ += seconds;
  timeline_.keep({std::move(name_), 0, begin_, end});
}

void Timeline::move(Part from, Part to, double seconds) {
  of(seconds_, from) -= seconds;
  of(seconds_, to) += seconds;
}

PartSeconds Timeline::take() {
  return std::exchange(seconds_, {});
}

void Timeline::start_trace() {
  tracing_ = true;
  trace_start_ = Clock::now();
  events_.clear();
}

void Timeline::note(std::string name, Clock::time_point begin, Clock::time_point end) {
  keep({std::move(name), 1, begin, end});
}

void Timeline::keep(Event event) {
  if (tracing_ && event.begin >= trace_start_) events_.push_back(std::move(event));
}

std::string Timeline::take_trace(int rank, const std::string& host) {
  using Json = nlohmann::ordered_json;
  const auto named = [&](const char* what, int thread, const std::string& name) {
    return Json{
        {"name", what}, {"ph", "M"}, {"pid", rank}, {"tid", thread}, {"args", {{"name", name}}}}
        .dump();
  };
  std::string text = named("process_name", 0, "rank " + std::to_string(rank) + " on " + host) +
                     "," + named("thread_name", 0, "training") + "," +
                     named("thread_name", 1, "communication");
  for (const Event& event : events_) {
    text += ",";
    text += Json{{"name", event.name},
                 {"ph", "X"},
                 {"pid", rank},
                 {"tid", event.thread},
                 {"ts", seconds_between(trace_start_, event.begin) * 1e6},
                 {"dur", seconds_between(event.begin, event.end) * 1e6}}
                .dump();
  }
  tracing_ = false;
  events_.clear();
  return text;
}

}  // namespace pgan::train
