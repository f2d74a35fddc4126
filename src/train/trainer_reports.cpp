#include <algorithm>
#include <bit>
#include <cmath>

#include <nlohmann/json.hpp>

#include "comm/agree.h"
#include "core/launcher.h"
#include "train/trainer.h"

// What the trainer measures and tells: sums since the last tick, reports, traces.
namespace pgan::train {
namespace {

constexpr double kLongestTickSeconds = 60;
constexpr double kOnStepSeconds = 0.5;
constexpr std::int64_t kMeasuredAtOnce = 16;

/// Published tick lengths, thousands of images: 160 at 4x4 down to 10 at 1024x1024.
std::int64_t default_tick_images(std::int64_t resolution) {
  constexpr std::int64_t kKimg[] = {160, 140, 120, 100, 80, 60, 40, 20, 10};
  const int level = std::bit_width(static_cast<std::uint64_t>(resolution)) - 3;
  return 1000 * kKimg[std::clamp(level, 0, 8)];
}

/// The most that a rank spent in these parts together.
double largest(const std::vector<PartSeconds>& ranks, std::initializer_list<Part> parts) {
  double most = 0;
  for (const PartSeconds& seconds : ranks) {
    double sum = 0;
    for (const Part part : parts) sum += of(seconds, part);
    most = std::max(most, sum);
  }
  return most;
}

}  // namespace

void Trainer::begin_trace() {
  updates_.settle();
  parts_.host.barrier();  // the ranks' clocks start together
  timeline_.start_trace();
  trace_start_step_ = progress_.step + 1;
}

void Trainer::end_trace() {
  updates_.settle();
  const auto texts =
      comm::gather_text(parts_.host, timeline_.take_trace(parts_.host.rank(), host_name()));
  if (parts_.observer == nullptr) return;
  std::string json = "[";
  for (const std::string& text : texts) {
    if (json.size() > 1) json += ",\n";
    json += text;
  }
  parts_.observer->on_trace(trace_start_step_, progress_.step, json + "]\n");
}

void Trainer::account(const Growth& growth, double seconds, const Directive& directive) {
  eta_.measured(growth.resolution, step_images_, seconds);
  Counters::Window& window = counters_.window;
  window.images += step_images_;
  window.steps += 1;
  window.data_wait += largest(directive.seconds, {Part::data});
  // A GPU works behind the host's back: where the host waits tells nothing of what the GPU does.
  if (parts_.model_device.is_cpu()) {
    window.rank_wait += largest(directive.seconds, {Part::reduction, Part::waiting});
    rank_times_.add(directive.seconds);
  }
  window_resident_ = std::max(window_resident_, directive.resident_bytes);
}

Counters Trainer::counters_now() const {
  Counters counters = counters_;
  counters.elapsed_seconds += seconds_since(start_);
  counters.window.seconds += seconds_since(window_start_);
  return counters;
}

void Trainer::start_window() {
  counters_.window = {};
  counters_.window.begin_step = progress_.step;
  window_start_ = Clock::now();
  window_resident_ = 0;
  rank_times_ = {};
}

Batch Trainer::held_out_batch(std::size_t set, std::int64_t begin, std::int64_t end) const {
  const data::HeldOut& held_out = parts_.held_out[set];
  Batch batch;
  batch.set = static_cast<std::int64_t>(set);
  batch.data["images"] = to_model(held_out.images.slice(0, begin, end));
  batch.labels = held_out.labels.slice(0, begin, end).to(batch.data["images"].options());
  batch.global_labels = batch.labels;
  batch.rows.global = end - begin;
  // By record, so that what is drawn for a picture depends on no other and on no rank count.
  for (std::int64_t i = begin; i < end; ++i)
    batch.rows.rows.push_back(held_out.records[static_cast<std::size_t>(i)]);
  return batch;
}

/// Means over the held-out pictures of all ranks, as losses of the window. Noise is the same each
/// time, so that what changes is the model.
void Trainer::measure() {
  if (options_.metrics_kimg == 0 || parts_.held_out.empty()) return;
  updates_.settle();
  parts_.host.set_activity("measurements after step " + std::to_string(progress_.step));
  const torch::NoGradGuard no_grad;
  const std::vector<std::unique_ptr<AveragedWeights>> averaged = averaged_weights();
  std::map<std::string, std::pair<double, std::int64_t>> own;  // sum and count
  for (std::size_t set = 0; set < parts_.held_out.size(); ++set) {
    const std::int64_t count = parts_.held_out[set].images.size(0);
    std::string suffix;
    if (parts_.held_out.size() > 1) suffix.append("_").append(std::to_string(set));
    for (std::int64_t begin = 0; begin < count; begin += kMeasuredAtOnce) {
      const Batch batch = held_out_batch(set, begin, std::min(begin + kMeasuredAtOnce, count));
      Noise noise(static_cast<std::uint64_t>(options_.seed), static_cast<std::int64_t>(set),
                  "metrics", batch.rows,
                  torch::TensorOptions(parts_.dtype).device(parts_.model_device));
      for (const auto& [name, values] : parts_.recipe.evaluate(batch, growth_, noise)) {
        auto& [sum, number] = own[name + suffix];
        sum += values.to(torch::kFloat64).sum().item<double>();
        number += values.numel();
      }
    }
  }
  std::map<std::string, std::pair<double, std::int64_t>> all;
  for (const std::string& text : comm::gather_text(parts_.host, nlohmann::json(own).dump())) {
    const nlohmann::json sums = nlohmann::json::parse(text);
    for (const auto& [name, of_rank] : sums.items()) {
      all[name].first += of_rank[0].is_null() ? NAN : of_rank[0].get<double>();  // JSON has no NaN
      all[name].second += of_rank[1].get<std::int64_t>();
    }
  }
  for (const auto& [name, value] : all) {
    counters_.window.loss_sums[name] += value.first / static_cast<double>(value.second);
    counters_.window.loss_counts[name] += 1;
  }
}

void Trainer::report(bool always, const Growth& growth) {
  if (parts_.observer == nullptr) return;
  const double seconds = counters_.window.seconds + seconds_since(window_start_);
  const std::int64_t tick = options_.tick_kimg > 0 ? images_of(options_.tick_kimg)
                                                   : default_tick_images(growth.resolution);
  const bool due = always || counters_.window.images >= tick || seconds >= kLongestTickSeconds;
  if (!due && seconds_since(last_on_step_) < kOnStepSeconds) return;
  if (due) updates_.settle();  // the losses of all steps
  const Counters counters = counters_now();
  const Counters::Window& window = counters.window;
  TickInfo info;
  info.progress = progress_;
  info.growth = growth;
  info.total_images = parts_.schedule.total_images();
  info.minibatch = step_images_;
  info.learning_rate = parts_.schedule.learning_rate_at(progress_.images - step_images_);
  for (const auto& [name, sum] : window.loss_sums) {
    info.losses[name] = sum / static_cast<double>(window.loss_counts.at(name));
  }
  info.images_per_second = static_cast<double>(window.images) / std::max(seconds, 1e-9);
  info.elapsed_seconds = counters.elapsed_seconds;
  std::int64_t end = info.total_images;
  if (options_.max_steps > 0) {
    end = std::min(end, progress_.images + (options_.max_steps - progress_.step) * step_images_);
  }
  info.eta_seconds = eta_.seconds_left(progress_.images, end);
  info.data_wait_share = window.data_wait / std::max(seconds, 1e-9);
  info.rank_wait_share = window.rank_wait / std::max(seconds, 1e-9);
  info.resident_bytes = static_cast<std::int64_t>(window_resident_);
  info.skipped_steps = counters.skipped;
  info.rollbacks = counters.rollbacks;
  info.rank_seconds = rank_times_.means();
  info.straggler = rank_times_.straggler();
  last_on_step_ = Clock::now();
  if (!due) return parts_.observer->on_step(info);
  parts_.observer->on_tick(info);
  start_window();
}

}  // namespace pgan::train
