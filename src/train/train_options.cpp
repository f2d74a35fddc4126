#include "train/train_options.h"

#include "core/error.h"
#include "core/option_set.h"

namespace pgan::train {
namespace {

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
  visitor.field("ema-kimg", ema_kimg,
                "half-life of the generator's moving average, thousands of images; 0: no average");
  visitor.group("Reports");
  visitor.field(
      "tick-kimg", tick_kimg,
      "thousands of images between lines of stats.jsonl; 0: by resolution; at most a minute");
  visitor.field("snapshot-kimg", snapshot_kimg,
                "thousands of images between sample sheets; 0: only at the end");
  visitor.field("checkpoint-kimg", checkpoint_kimg,
                "thousands of images between checkpoints; 0: only at the end and by the clock");
  visitor.field("checkpoint-minutes", checkpoint_minutes,
                "also a checkpoint when so many minutes have passed since the last; 0: never");
}

void TrainOptions::validate() const {
  if (seed < 0) throw ConfigError("--seed " + std::to_string(seed) + ": expected 0 or more");
  if (max_steps < 0)
    throw ConfigError("--max-steps " + std::to_string(max_steps) + ": expected 0 or more");
  require_kimg("ema-kimg", ema_kimg);
  require_kimg("tick-kimg", tick_kimg);
  require_kimg("snapshot-kimg", snapshot_kimg);
  require_kimg("checkpoint-kimg", checkpoint_kimg);
  if (!(checkpoint_minutes >= 0 && checkpoint_minutes <= 1e6)) {
    throw ConfigError("--checkpoint-minutes " + exact_text(checkpoint_minutes) +
                      ": expected 0 to 1e6");
  }
}

}  // namespace pgan::train
