#include "train/train_options.h"

#include <charconv>

#include "core/error.h"
#include "core/option_set.h"

namespace pgan::train {
namespace {

constexpr std::int64_t kMostTracedSteps = 1000;

void require_kimg(const char* option, double value) {
  if (value >= 0 && value <= 1e9) return;
  throw ConfigError("--" + std::string(option) + " " + exact_text(value) + ": expected 0 or more");
}

}  // namespace

void TrainOptions::visit(OptionVisitor& visitor) {
  visitor.group("Training");
  visitor.field("seed", seed, "of all random draws");
  visitor.field("max-steps", max_steps,
                "stop after so many steps, counted from the run's beginning; 0: no limit");
  visitor.field("mirror", mirror, "mirror images left to right with probability 1/2");
  visitor.field(
      "ema-kimg", ema_kimg,
      "half-life of the generator's moving average, thousands of images; 0: none is kept");
  visitor.field("on-nonfinite", on_nonfinite,
                "when a gradient is not finite: skip the update (20 in a row end the run, exit 6), "
                "stop (exit 6), or rollback to the last checkpoint and go on with other draws");
  visitor.field("replica-check-steps", replica_check_steps,
                "compare the weights of all ranks every so many steps, bit for bit; 0: at the "
                "start and after growth alone");
  visitor.group("Reports");
  visitor.field(
      "tick-kimg", tick_kimg,
      "thousands of images between lines of stats.jsonl; 0: by resolution; at most a minute");
  visitor.field("snapshot-kimg", snapshot_kimg,
                "thousands of images between sample sheets; 0: only at the end");
  visitor.field("metrics-kimg", metrics_kimg,
                "thousands of images between measurements on held-out pictures, into stats.jsonl; "
                "0: none");
  visitor.field("metrics-images", metrics_images, "held-out pictures of each data set for that");
  visitor.field("checkpoint-kimg", checkpoint_kimg,
                "thousands of images between checkpoints; 0: only at the end and by the clock");
  visitor.field("checkpoint-minutes", checkpoint_minutes,
                "also a checkpoint when so many minutes have passed since the last; 0: never");
  visitor.field("trace", trace,
                "record steps, e.g. 100-110, on every rank, for chrome://tracing or Perfetto");
}

TrainOptions::Range TrainOptions::traced_steps() const {
  if (trace.empty()) return {};
  Range range;
  const char* const end = trace.data() + trace.size();
  const auto [dash, error] = std::from_chars(trace.data(), end, range.first);
  range.last = range.first;
  const char* rest = dash;
  bool valid = error == std::errc();
  if (valid && rest != end && *rest == '-') {
    const auto [after, second_error] = std::from_chars(rest + 1, end, range.last);
    valid = second_error == std::errc();
    rest = after;
  }
  if (!valid || rest != end || range.first < 1 || range.last < range.first ||
      range.last - range.first >= kMostTracedSteps) {
    throw ConfigError("--trace " + trace + ": expected steps from 1, like 100 or 100-110, " +
                      std::to_string(kMostTracedSteps) + " at most");
  }
  return range;
}

void TrainOptions::validate() const {
  if (seed < 0) throw ConfigError("--seed " + std::to_string(seed) + ": expected 0 or more");
  if (max_steps < 0)
    throw ConfigError("--max-steps " + std::to_string(max_steps) + ": expected 0 or more");
  require_kimg("ema-kimg", ema_kimg);
  require_kimg("tick-kimg", tick_kimg);
  require_kimg("snapshot-kimg", snapshot_kimg);
  require_kimg("metrics-kimg", metrics_kimg);
  if (metrics_images < 1 || metrics_images > 1 << 20) {
    throw ConfigError("--metrics-images " + std::to_string(metrics_images) +
                      ": expected 1 to 1048576");
  }
  require_kimg("checkpoint-kimg", checkpoint_kimg);
  if (!(checkpoint_minutes >= 0 && checkpoint_minutes <= 1e6)) {
    throw ConfigError("--checkpoint-minutes " + exact_text(checkpoint_minutes) +
                      ": expected 0 to 1e6");
  }
  if (on_nonfinite != "skip" && on_nonfinite != "stop" && on_nonfinite != "rollback") {
    throw ConfigError("--on-nonfinite " + on_nonfinite + ": expected skip, stop or rollback");
  }
  if (replica_check_steps < 0) {
    throw ConfigError("--replica-check-steps " + std::to_string(replica_check_steps) +
                      ": expected 0 or more");
  }
  traced_steps();
}

}  // namespace pgan::train
