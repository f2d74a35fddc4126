#include "train/trainer.h"

#include <bit>

#include "comm/agree.h"
#include "core/device.h"
#include "core/log.h"
#include "core/noise.h"

namespace pgan::train {
namespace {

constexpr std::int64_t kMostSkipsInARow = 20;
constexpr double kLongestTickSeconds = 60;
constexpr double kOnStepSeconds = 0.5;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Published tick lengths, thousands of images: 160 at 4x4 down to 10 at 1024x1024.
std::int64_t default_tick_images(std::int64_t resolution) {
  constexpr std::int64_t kKimg[] = {160, 140, 120, 100, 80, 60, 40, 20, 10};
  const int level = std::bit_width(static_cast<std::uint64_t>(resolution)) - 3;
  return 1000 * kKimg[std::clamp(level, 0, 8)];
}

Batch to_model(Batch batch, torch::Device device, torch::Dtype dtype) {
  for (auto& [domain, tensor] : batch.data) tensor = tensor.to(device, dtype);
  batch.labels = batch.labels.to(device, dtype);
  batch.global_labels = batch.global_labels.to(device, dtype);
  return batch;
}

/// The tensors of one part as a checkpoint holds them, empty, to be filled.
TensorMap blank_part(const checkpoint::Manifest& manifest, const std::string& prefix,
                     torch::Device device) {
  TensorMap part;
  for (const auto& [name, entry] : manifest.tensors) {
    if (!name.starts_with(prefix)) continue;
    part[name.substr(prefix.size())] =
        torch::empty(entry.shape, torch::dtype(entry.dtype).device(device));
  }
  return part;
}

}  // namespace

Trainer::Trainer(TrainOptions options, TrainerParts parts)
    : options_(options),
      parts_(std::move(parts)),
      coordinator_(parts_.host),
      saver_(parts_.store, parts_.host, options_.checkpoint_minutes, [this] { begin_save(); }),
      eta_(parts_.schedule),
      growth_(parts_.schedule.growth_at(0)) {
  parts_.recipe.grow(growth_);
  rebuild_sets();
  draw_preview_inputs();
}

void Trainer::rebuild_sets() {
  sets_.clear();
  for (auto& [name, parameters] : parts_.recipe.parameter_sets()) {
    std::vector<torch::Tensor> tensors;
    for (const auto& [parameter_name, parameter] : parameters) tensors.push_back(parameter);
    Set& set = sets_[name];
    set.reducer = std::make_unique<comm::GradientReducer>(parts_.device, tensors, parts_.reducer);
    set.adam = std::make_unique<Adam>(parameters, parts_.recipe.adam());
    set.parameters = parameters;
  }
  for (const std::string& name : parts_.recipe.averaged_sets()) {
    averages_[name].follow(sets_.at(name).parameters);
  }
  take_waiting_weights();
}

void Trainer::take_waiting_weights() {
  if (waiting_.empty()) return;
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : state()) {
    const auto waiting = waiting_.find(name);
    if (waiting == waiting_.end()) continue;
    if (waiting->second.sizes() != tensor.sizes()) {
      throw CheckpointError("the weights to start from do not fit: " + name + " is " +
                            c10::str(waiting->second.sizes()) + ", expected " +
                            c10::str(tensor.sizes()));
    }
    tensor.copy_(waiting->second);
    waiting_.erase(waiting);
  }
}

void Trainer::start_from(TensorMap weights) {
  waiting_ = std::move(weights);
  take_waiting_weights();
}

void Trainer::draw_preview_inputs() {
  const std::int64_t count = parts_.preview_reals.size(0);
  RowShare rows{{}, count};
  for (std::int64_t i = 0; i < count; ++i) rows.rows.push_back(i);
  Noise noise(static_cast<std::uint64_t>(options_.seed), 0, "preview", rows,
              torch::TensorOptions(parts_.dtype).device(parts_.model_device));
  preview_ = parts_.recipe.sample_inputs(noise);
  preview_["reals"] = parts_.preview_reals;
}

TensorMap Trainer::state() const {
  TensorMap state;
  for (const auto& [name, set] : sets_) {
    for (const auto& [parameter_name, parameter] : set.parameters) {
      state[name + "/" + parameter_name] = parameter.detach();
    }
    set.adam->add_state("adam." + name, state);
  }
  for (const auto& [name, average] : averages_) average.add_state(name + "_ema", state);
  for (const auto& [name, tensor] : preview_) state["preview/" + name] = tensor;
  for (const auto& [name, tensor] : waiting_) state["waiting/" + name] = tensor;
  return state;
}

void Trainer::resume(const checkpoint::Found& found, bool same_run) {
  growth_ = found.manifest.growth;
  progress_ = found.manifest.progress;
  if (same_run) saver_.is_saved(progress_);
  if (parts_.recipe.grow(growth_)) rebuild_sets();
  preview_ = blank_part(found.manifest, "preview/", parts_.model_device);
  waiting_ = blank_part(found.manifest, "waiting/", torch::kCPU);
  checkpoint::load_into(found, state(), parts_.host);
  const auto& extra = found.manifest.extra;
  if (!extra.contains("counters") || !preview_.contains("reals")) {
    throw comm::AgreedError(ExitCode::checkpoint, found.folder.string() +
                                                      " lacks counters or previews: it was written "
                                                      "by a version of development; start afresh");
  }
  preview_["reals"] = preview_["reals"].cpu();
  comm::agree(parts_.host, [&] {
    counters_ = Counters::from_json(extra.at("counters"), found.folder.string());
  });
  // Ticks that were reported after the save cover the window's steps already.
  const Counters::Window& window = counters_.window;
  if (parts_.observer != nullptr && parts_.observer->last_tick_step() > window.begin_step)
    start_window();
}

/// The last step reached or passed a multiple of so many thousands of images.
bool Trainer::passed(double kimg) const {
  return crosses(images_of(kimg), progress_.images - step_images_, progress_.images);
}

bool Trainer::finished() const {
  return progress_.images >= parts_.schedule.total_images() ||
         (options_.max_steps > 0 && progress_.step >= options_.max_steps);
}

Trainer::End Trainer::run() {
  parts_.loader.seek(progress_);
  data_waited_before_ = parts_.loader.waited_seconds();
  start_ = window_start_ = Clock::now();
  bool stop = false;
  while (!finished() && !stop) {
    const Growth growth = parts_.schedule.growth_at(progress_.images);
    const Clock::time_point step_start = Clock::now();
    LocalStatus status{.stop_requested = parts_.stop_requested && parts_.stop_requested(),
                       .save_wanted = saver_.wanted_by_clock(),
                       .writing = parts_.store.poll(),
                       .rank_wait_seconds = step_rank_wait_,
                       .resident_bytes = static_cast<double>(resident_bytes())};
    const double data_waited = parts_.loader.waited_seconds();
    status.data_wait_seconds = data_waited - data_waited_before_;
    data_waited_before_ = data_waited;
    coordinator_.post(status);
    step_rank_wait_ = 0;
    step();
    const Clock::time_point step_end = Clock::now();
    const Directive directive = coordinator_.collect();
    step_rank_wait_ += seconds_since(step_end);
    account(growth, seconds_since(step_start), directive);
    report(progress_.step == 1, growth);
    saver_.after_step(directive, passed(options_.checkpoint_kimg), progress_);
    if (passed(options_.snapshot_kimg)) sample_previews();
    stop = directive.stop;
  }
  saver_.last_step(progress_);  // first: sheets and statistics may fail on a full disk
  if (counters_.window.steps > 0) report(true, growth_);
  sample_previews();
  return finished() ? End::done : End::stopped;
}

void Trainer::enter(const Growth& growth) {
  // Adam starts afresh at a fade's start and at its end, as published.
  const bool reset = growth.resolution != growth_.resolution || growth.fading() != growth_.fading();
  const bool grown = growth.resolution != growth_.resolution;
  growth_ = growth;
  if (parts_.recipe.grow(growth) || reset) rebuild_sets();
  if (grown && parts_.observer != nullptr) parts_.observer->on_growth(progress_, growth);
}

void Trainer::step() {
  enter(parts_.schedule.growth_at(progress_.images));
  const Batch batch = to_model(parts_.loader.next(), parts_.model_device, parts_.dtype);
  for (const models::Phase& phase : parts_.recipe.phases()) {
    if (progress_.step % phase.interval == 0) run_phase(phase, batch);
  }
  step_images_ = batch.rows.global;
  parts_.store.await_copy();
  for (auto& [name, average] : averages_) average.update(step_images_, options_.ema_kimg * 1000);
  progress_.step += 1;
  progress_.images += step_images_;
}

void Trainer::run_phase(const models::Phase& phase, const Batch& batch) {
  for (auto& [name, set] : sets_) {
    const bool updated =
        std::ranges::find(phase.parameter_sets, name) != phase.parameter_sets.end();
    for (auto& [parameter_name, parameter] : set.parameters) parameter.requires_grad_(updated);
    if (updated) set.reducer->arm();
  }
  Noise noise(static_cast<std::uint64_t>(options_.seed), progress_.step, phase.name, batch.rows,
              torch::TensorOptions(parts_.dtype).device(parts_.model_device));
  const models::LossTerms loss = parts_.recipe.loss(phase, batch, growth_, noise);
  loss.total.backward();
  parts_.store.await_copy();  // of a save begun after the last step: from here on weights change
  bool finite = true;
  for (const std::string& name : phase.parameter_sets) {
    const comm::GradientReducer::Outcome outcome = sets_.at(name).reducer->finish(loss.parts);
    step_rank_wait_ += outcome.wait_seconds;
    finite = finite && outcome.finite;
    if (name != phase.parameter_sets.front()) continue;
    for (const auto& [part, value] : outcome.mean_losses) counters_.window.loss_sums[part] += value;
  }
  count_skip(!finite, phase.name);
  if (!finite) return;
  const double rate = parts_.schedule.learning_rate_at(growth_);
  for (const std::string& name : phase.parameter_sets) sets_.at(name).adam->step(rate);
}

void Trainer::count_skip(bool skipped, const std::string& phase) {
  std::int64_t& in_a_row = counters_.skipped_in_a_row[phase];
  in_a_row = skipped ? in_a_row + 1 : 0;
  if (!skipped) return;
  ++counters_.skipped;
  if (in_a_row == 1 && parts_.host.rank() == 0) {
    log_warning("step " + std::to_string(progress_.step) + ": phase " + phase +
                " has a non-finite gradient; the update is skipped on every rank");
  }
  if (in_a_row < kMostSkipsInARow) return;
  throw comm::AgreedError(ExitCode::diverged,
                          "diverged: " + std::to_string(kMostSkipsInARow) + " updates of phase " +
                              phase + " in a row had a non-finite gradient, up to step " +
                              std::to_string(progress_.step) +
                              "; resume from an earlier checkpoint with a lower --learning-rate");
}

void Trainer::account(const Growth& growth, double seconds, const Directive& directive) {
  eta_.measured(growth.resolution, step_images_, seconds);
  Counters::Window& window = counters_.window;
  window.images += step_images_;
  window.steps += 1;
  window.data_wait += directive.data_wait_seconds;
  window.rank_wait += directive.rank_wait_seconds;
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
}

void Trainer::report(bool always, const Growth& growth) {
  if (parts_.observer == nullptr) return;
  const Counters counters = counters_now();
  const Counters::Window& window = counters.window;
  const double seconds = window.seconds;
  const std::int64_t tick = options_.tick_kimg > 0 ? images_of(options_.tick_kimg)
                                                   : default_tick_images(growth.resolution);
  const bool due = always || window.images >= tick || seconds >= kLongestTickSeconds;
  if (!due && seconds_since(last_on_step_) < kOnStepSeconds) return;
  TickInfo info;
  info.progress = progress_;
  info.growth = growth;
  info.total_images = parts_.schedule.total_images();
  info.minibatch = step_images_;
  info.learning_rate = parts_.schedule.learning_rate_at(growth);
  for (const auto& [name, sum] : window.loss_sums) {
    info.losses[name] = sum / static_cast<double>(window.steps);
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
  last_on_step_ = Clock::now();
  if (!due) return parts_.observer->on_step(info);
  parts_.observer->on_tick(info);
  start_window();
}

void Trainer::begin_save() {
  checkpoint::Manifest manifest = parts_.manifest;
  manifest.progress = progress_;
  manifest.growth = growth_;
  manifest.extra["architecture"] = parts_.recipe.architecture();
  manifest.extra["counters"] = counters_now().to_json();
  parts_.store.begin(std::move(manifest), state());
}

void Trainer::sample_previews() {
  if (parts_.observer == nullptr) return;
  std::vector<std::unique_ptr<AveragedWeights>> averaged;
  for (auto& [name, average] : averages_)
    averaged.push_back(std::make_unique<AveragedWeights>(average));
  const torch::Tensor images =
      parts_.recipe.sample(preview_, growth_).to(torch::kCPU, torch::kFloat32);
  parts_.observer->on_sample(progress_, growth_, images);
}

}  // namespace pgan::train
