#include "train/trainer.h"

#include "comm/agree.h"
#include "core/device.h"
#include "core/log.h"
#include "core/noise.h"
#include "train/replica_check.h"

namespace pgan::train {
namespace {

constexpr std::int64_t kMostSkipsInARow = 20;

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
      traced_(options_.traced_steps()),
      parts_(std::move(parts)),
      feed_(parts_.loader, parts_.model_device, parts_.dtype),
      coordinator_(parts_.host),
      saver_(parts_.store, parts_.host, options_.checkpoint_minutes, [this] { begin_save(); }),
      eta_(parts_.schedule),
      updates_(parts_.device, parts_.reducer, options_.ema_kimg * 1000, timeline_,
               {.before_change = [this] { parts_.store.await_copy(); },
                .settled = [this](const Updates::Settled& update) { settled(update); }}),
      growth_(parts_.schedule.growth_at(0)) {
  counters_.rollbacks = parts_.rollbacks;
  parts_.recipe.grow(growth_);
  rebuild_updates();
  draw_preview_inputs();
}

void Trainer::rebuild_updates() {
  updates_.settle();
  updates_.rebuild(parts_.recipe);
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
  Batch reals;
  reals.rows.global = count;
  for (std::int64_t i = 0; i < count; ++i) reals.rows.rows.push_back(i);
  const auto options = torch::TensorOptions(parts_.dtype).device(parts_.model_device);
  Noise noise(static_cast<std::uint64_t>(options_.seed), 0, "preview", reals.rows, options);
  reals.data["images"] = to_model(parts_.preview_reals);
  reals.labels = parts_.preview_labels.to(options);
  reals.global_labels = reals.labels;
  preview_ = parts_.recipe.sample_inputs(noise, reals);
  preview_["reals"] = parts_.preview_reals;
}

/// Pictures as bytes -> in [-1,1], as the model takes them.
torch::Tensor Trainer::to_model(const torch::Tensor& bytes) const {
  return bytes.to(parts_.model_device, parts_.dtype).div_(127.5).sub_(1);
}

TensorMap Trainer::state() const {
  TensorMap state;
  updates_.add_state(state);
  for (const auto& [name, tensor] : preview_) state["preview/" + name] = tensor;
  for (const auto& [name, tensor] : waiting_) state["waiting/" + name] = tensor;
  return state;
}

void Trainer::resume(const checkpoint::Found& found, bool same_run) {
  growth_ = found.manifest.growth;
  progress_ = found.manifest.progress;
  if (same_run) saver_.is_saved(progress_);
  if (parts_.recipe.grow(growth_)) rebuild_updates();
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
  counters_.rollbacks = std::max(counters_.rollbacks, parts_.rollbacks);
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
  compare_replicas();
  feed_.seek(progress_);
  start_ = window_start_ = Clock::now();
  bool stop = false;
  while (!finished() && !stop) {
    const Growth growth = parts_.schedule.growth_at(progress_.images);
    const Clock::time_point step_start = Clock::now();
    coordinator_.post({.stop_requested = parts_.stop_requested && parts_.stop_requested(),
                       .save_wanted = saver_.wanted_by_clock(),
                       .writing = parts_.store.poll(),
                       .seconds = step_seconds_,
                       .resident_bytes = static_cast<double>(resident_bytes())});
    step();
    const Directive directive = [this] {
      const Timeline::Span span(timeline_, Part::waiting, "coordinator");
      return coordinator_.collect();
    }();
    step_seconds_ = timeline_.take();
    account(growth, seconds_since(step_start), directive);
    if (passed(options_.metrics_kimg) || finished()) measure();
    report(progress_.step == 1, growth);
    saver_.after_step(directive, passed(options_.checkpoint_kimg), progress_);
    if (passed(options_.snapshot_kimg)) sample_previews();
    stop = directive.stop;
    stop_rank_ = directive.stop_rank;
  }
  parts_.host.set_activity("the end of training");
  updates_.settle();
  act_on_verdict();
  if (timeline_.tracing()) end_trace();  // of the steps there were
  saver_.last_step(progress_);           // first: sheets and statistics may fail on a full disk
  // A stopped run goes on with its unfinished measurements, as if it had not stopped.
  if (finished() && counters_.window.steps > 0) report(true, growth_);
  sample_previews();
  return finished() ? End::done : End::stopped;
}

void Trainer::enter(const Growth& growth) {
  // Adam starts afresh at a fade's start and at its end, as published.
  const bool reset = growth.resolution != growth_.resolution || growth.fading() != growth_.fading();
  const bool grown = growth.resolution != growth_.resolution;
  if (reset) updates_.settle();  // with the networks as they were
  growth_ = growth;
  if (parts_.recipe.grow(growth) || reset) rebuild_updates();
  if (grown && parts_.observer != nullptr) parts_.observer->on_growth(progress_, growth);
  const std::int64_t every = options_.replica_check_steps;
  if (grown || (every > 0 && progress_.step > 0 && progress_.step % every == 0)) compare_replicas();
}

void Trainer::compare_replicas() {
  updates_.settle();
  TensorMap weights;
  updates_.add_state(weights);
  check_replicas(parts_.host, weights, "at step " + std::to_string(progress_.step));
}

void Trainer::step() {
  enter(parts_.schedule.growth_at(progress_.images));
  const std::int64_t number = progress_.step + 1;
  if (!timeline_.tracing() && number >= traced_.first && number <= traced_.last) begin_trace();
  const std::string name = "step " + std::to_string(number);
  parts_.host.set_activity(name + ", reading images");
  const Batch batch = [this] {
    const Timeline::Span span(timeline_, Part::data, "batch");
    return feed_.next();
  }();
  for (const std::string& report : parts_.loader.take_reports()) log_warning(report);
  for (const models::Phase& phase : parts_.recipe.phases()) {
    if ((progress_.step / parts_.data_sets + 1) % phase.interval != 0) continue;
    parts_.host.set_activity(name + ", phase " + phase.name);
    parts_.device.set_activity(name + ", phase " + phase.name);
    run_phase(phase, batch);
  }
  act_on_verdict();
  parts_.host.set_activity("the end of " + name);
  step_images_ = batch.rows.global;
  updates_.end_step(step_images_);
  progress_.step += 1;
  progress_.images += step_images_;
  if (timeline_.tracing() && progress_.step == traced_.last) end_trace();
}

void Trainer::run_phase(const models::Phase& phase, const Batch& batch) {
  updates_.begin(phase);
  // After a rollback other numbers are drawn: the same ones would lead to the same end.
  const auto seed = static_cast<std::uint64_t>(options_.seed) +
                    static_cast<std::uint64_t>(counters_.rollbacks) * 0x9E3779B97F4A7C15U;
  Noise noise(seed, progress_.step, phase.name, batch.rows,
              torch::TensorOptions(parts_.dtype).device(parts_.model_device));
  class Underway : public models::Step {
   public:
    explicit Underway(Updates& updates) : updates_(updates) {}
    void ready(std::string_view set) override { updates_.need(set); }
    void backward(const torch::Tensor& term) override { updates_.backward_early(term); }

   private:
    Updates& updates_;
  } underway(updates_);
  const models::LossTerms loss = [&] {
    const Timeline::Span span(timeline_, Part::forward, "forward " + phase.name);
    return parts_.recipe.loss(phase, batch, growth_, noise, underway);
  }();
  const Timeline::Span span(timeline_, Part::backward, "backward " + phase.name);
  updates_.backward(loss, {progress_.step, parts_.schedule.learning_rate_at(progress_.images)});
}

void Trainer::settled(const Updates::Settled& update) {
  for (const auto& [part, value] : update.losses) {
    counters_.window.loss_sums[part] += value;
    counters_.window.loss_counts[part] += 1;
  }
  count_skip(update);
}

void Trainer::count_skip(const Updates::Settled& update) {
  std::int64_t& in_a_row = counters_.skipped_in_a_row[update.phase];
  in_a_row = update.finite ? 0 : in_a_row + 1;
  if (update.finite || verdict_) return;
  ++counters_.skipped;
  const std::string at = "step " + std::to_string(update.step) + ": phase " + update.phase +
                         " has a non-finite gradient";
  if (options_.on_nonfinite == "rollback") {
    if (parts_.host.rank() == 0) log_warning(at + "; going back to the last checkpoint");
    verdict_ = std::make_exception_ptr(RollBack(update.step, counters_.rollbacks + 1));
    return;
  }
  const std::string remedy =
      "; go on from an earlier checkpoint with a lower rate: --run NEW --resume CHECKPOINT "
      "--learning-rate X --override";
  if (options_.on_nonfinite == "stop") {
    verdict_ =
        std::make_exception_ptr(comm::AgreedError(ExitCode::diverged, "diverged: " + at + remedy));
    return;
  }
  if (in_a_row == 1 && parts_.host.rank() == 0) {
    log_warning(at + "; the update is skipped on every rank");
  }
  if (in_a_row < kMostSkipsInARow) return;
  verdict_ = std::make_exception_ptr(comm::AgreedError(
      ExitCode::diverged, "diverged: " + std::to_string(kMostSkipsInARow) + " updates of phase " +
                              update.phase + " in a row had a non-finite gradient, up to step " +
                              std::to_string(update.step) + remedy));
}

/// Ranks may hear of an update's outcome at different places (rank 0 while it reports); they act on
/// it at the same ones.
void Trainer::act_on_verdict() const {
  if (verdict_) std::rethrow_exception(verdict_);
}

void Trainer::begin_save() {
  updates_.settle();
  act_on_verdict();
  // On a GPU a failed collective may show only at the next call: never in a checkpoint.
  if (&parts_.device != &parts_.host) parts_.device.barrier();
  checkpoint::Manifest manifest = parts_.manifest;
  manifest.progress = progress_;
  manifest.growth = growth_;
  manifest.extra["architecture"] = parts_.recipe.architecture();
  manifest.extra["counters"] = counters_now().to_json();
  parts_.store.begin(std::move(manifest), state());
}

std::vector<std::unique_ptr<AveragedWeights>> Trainer::averaged_weights() {
  std::vector<std::unique_ptr<AveragedWeights>> averaged;
  for (auto& [name, average] : updates_.averages())
    averaged.push_back(std::make_unique<AveragedWeights>(average));
  return averaged;
}

void Trainer::sample_previews() {
  updates_.settle();
  if (parts_.observer == nullptr) return;
  const std::vector<std::unique_ptr<AveragedWeights>> averaged = averaged_weights();
  const torch::Tensor images = parts_.recipe.sample(preview_, growth_);
  if (!images.defined()) return;
  parts_.observer->on_sample(progress_, growth_, images.to(torch::kCPU, torch::kFloat32),
                             parts_.recipe.sample_layout(), !averaged.empty());
}

}  // namespace pgan::train
