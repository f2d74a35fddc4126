#include "train/schedule.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/error.h"
#include "core/option_set.h"

namespace pgan::train {
namespace {

void require_resolution(const char* option, std::int64_t value) {
  if (value >= 4 && value <= 1024 && std::has_single_bit(static_cast<std::uint64_t>(value))) return;
  throw ConfigError("--" + std::string(option) + " " + std::to_string(value) +
                    ": expected a power of two from 4 to 1024");
}

void require_kimg(const char* option, double value) {
  if (value >= 0 && value <= 1e9) return;
  throw ConfigError("--" + std::string(option) + " " + exact_text(value) +
                    ": expected thousands of images, 0 or more");
}

}  // namespace

void ScheduleOptions::visit(OptionVisitor& visitor) {
  visitor.group("Schedule");
  visitor.field("resolution", resolution, "final resolution in pixels; 0: the pack's largest");
  if (grows) {
    visitor.field("start-resolution", start_resolution, "first resolution in pixels");
    visitor.field("stable-kimg", stable_kimg,
                  "thousands of images a resolution is trained after its fade");
    visitor.field("fade-kimg", fade_kimg,
                  "thousands of images over which a new resolution fades in");
  }
  visitor.field("total-kimg", total_kimg,
                grows ? "thousands of images in all; 0: two phases after the last resolution is "
                        "fully in"
                      : "thousands of images in all");
  visitor.field(
      "minibatch", minibatch,
      "images a step over all ranks: N, or by resolution 4:64,16:32 (holds up to the next listed)");
  visitor.field("learning-rate", learning_rate,
                "Adam's step size: X, or by resolution like --minibatch");
  visitor.field("rate-decay", rate_decay,
                "share of the run, at its end, over which the rate falls linearly to zero; 0: it "
                "stays");
}

void ScheduleOptions::validate() const {
  require_resolution("resolution", resolution);
  require_resolution("start-resolution", start_resolution);
  if (start_resolution > resolution) {
    throw ConfigError("--start-resolution " + std::to_string(start_resolution) +
                      " is above --resolution " + std::to_string(resolution));
  }
  require_kimg("stable-kimg", stable_kimg);
  require_kimg("fade-kimg", fade_kimg);
  require_kimg("total-kimg", total_kimg);
  const ResolutionTable sizes("minibatch", minibatch, start_resolution);
  for (std::int64_t r = start_resolution; r <= resolution; r *= 2) {
    if (sizes.at(r) == std::floor(sizes.at(r))) continue;
    throw ConfigError("--minibatch " + minibatch + ": expected whole numbers");
  }
  const ResolutionTable rates("learning-rate", learning_rate, start_resolution);
  if (!(rate_decay >= 0 && rate_decay <= 1)) {
    throw ConfigError("--rate-decay " + exact_text(rate_decay) + ": expected 0 to 1");
  }
  if (!grows && total_kimg == 0) throw ConfigError("--total-kimg 0: expected more than 0");
}

Schedule::Schedule(const ScheduleOptions& options)
    : start_(options.start_resolution),
      final_(options.resolution),
      stable_(images_of(options.stable_kimg)),
      fade_(images_of(options.fade_kimg)),
      total_(images_of(options.total_kimg)),
      rate_decay_(options.rate_decay),
      minibatch_("minibatch", options.minibatch, options.start_resolution),
      learning_rate_("learning-rate", options.learning_rate, options.start_resolution) {
  options.validate();
  if (total_ > 0) return;
  const std::int64_t phases = std::bit_width(static_cast<std::uint64_t>(final_ / start_)) - 1;
  total_ = (phases + 2) * (stable_ + fade_);
  if (total_ == 0) throw ConfigError("--stable-kimg 0 and --fade-kimg 0: give --total-kimg");
}

Growth Schedule::growth_at(std::int64_t images) const {
  const std::int64_t phase_images = stable_ + fade_;
  std::int64_t resolution = start_;
  for (std::int64_t begin = 0; resolution < final_; begin += phase_images, resolution *= 2) {
    const std::int64_t within = images - begin;
    if (within >= phase_images) continue;
    if (within <= stable_) return {resolution, 1.0};
    return {resolution * 2, static_cast<double>(within - stable_) / static_cast<double>(fade_)};
  }
  return {final_, 1.0};
}

std::int64_t Schedule::minibatch_at(const Growth& growth) const {
  return static_cast<std::int64_t>(minibatch_.at(growth.resolution));
}

double Schedule::learning_rate_at(std::int64_t images) const {
  const double rate = learning_rate_.at(growth_at(images).resolution);
  const double falling = rate_decay_ * static_cast<double>(total_);
  const auto left = static_cast<double>(std::max<std::int64_t>(total_ - images, 0));
  return left < falling ? rate * left / falling : rate;
}

bool crosses(std::int64_t interval, std::int64_t before, std::int64_t after) {
  return interval > 0 && after / interval > before / interval;
}

std::int64_t images_of(double kimg) {
  return std::llround(kimg * 1000.0);
}

}  // namespace pgan::train
