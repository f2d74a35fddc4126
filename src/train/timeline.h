#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgan::train {

/// Where a rank's time goes in a step. reduction: blocked while gradients travel; waiting: blocked
/// until other ranks come.
enum class Part : std::size_t { data, forward, backward, reduction, optimizer, waiting };
inline constexpr std::size_t kParts = 6;
inline constexpr std::array<std::string_view, kParts> kPartNames = {
    "data", "forward", "backward", "reduction", "optimizer", "waiting"};
using PartSeconds = std::array<double, kParts>;
constexpr double& of(PartSeconds& seconds, Part part) {
  return seconds[static_cast<std::size_t>(part)];
}
constexpr double of(const PartSeconds& seconds, Part part) {
  return seconds[static_cast<std::size_t>(part)];
}

double seconds_between(std::chrono::steady_clock::time_point begin,
                       std::chrono::steady_clock::time_point end);
double seconds_since(std::chrono::steady_clock::time_point begin);

/// Adds up what the computing thread does, and keeps single spans while a trace is recorded.
class Timeline {
 public:
  using Clock = std::chrono::steady_clock;

  /// From its making to its end the time counts as one part; inside another span it counts for the
  /// inner one alone.
  class Span {
   public:
    Span(Timeline& timeline, Part part, std::string name);
    ~Span();
    Span(const Span&) = delete;
    Span& operator=(const Span&) = delete;

   private:
    Timeline& timeline_;
    Part part_;
    std::string name_;
    Span* outer_;
    Clock::time_point begin_;
    double inner_seconds_ = 0;
  };

  /// Blocked seconds that turned out to be of another part.
  void move(Part from, Part to, double seconds);
  /// Seconds by part since the last call.
  PartSeconds take();

  void start_trace();
  bool tracing() const { return tracing_; }
  /// Of a thread beside the computing one; dropped when no trace is recorded.
  void note(std::string name, Clock::time_point begin, Clock::time_point end);
  /// Ends the trace: its spans as events of Chrome's trace format, comma-separated JSON objects
  /// without brackets, this rank as the process. Times in microseconds since start_trace().
  std::string take_trace(int rank, const std::string& host);

 private:
  struct Event {
    std::string name;
    int thread = 0;  // 0 computes, 1 communicates
    Clock::time_point begin, end;
  };
  void keep(Event event);

  PartSeconds seconds_{};
  Span* current_ = nullptr;
  bool tracing_ = false;
  Clock::time_point trace_start_;
  std::vector<Event> events_;
};

}  // namespace pgan::train
