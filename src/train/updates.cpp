#include "train/updates.h"

#include <algorithm>
#include <utility>

namespace pgan::train {
namespace {

using TimePoint = Timeline::Clock::time_point;

double overlap_seconds(TimePoint a, TimePoint b, TimePoint c, TimePoint d) {
  return std::max(0.0, seconds_between(std::max(a, c), std::min(b, d)));
}

bool updates(const models::Phase& phase, std::string_view set) {
  return std::ranges::find(phase.parameter_sets, set) != phase.parameter_sets.end();
}

}  // namespace

Updates::Updates(comm::Communicator& device, comm::ReducerOptions reducer, double ema_images,
                 Timeline& timeline, Hooks hooks)
    : device_(device),
      reducer_(std::move(reducer)),
      ema_images_(ema_images),
      timeline_(timeline),
      hooks_(std::move(hooks)) {}

void Updates::rebuild(models::Recipe& recipe) {
  sets_.clear();
  for (auto& [name, parameters] : recipe.parameter_sets()) {
    std::vector<torch::Tensor> tensors;
    for (const auto& [parameter_name, parameter] : parameters) tensors.push_back(parameter);
    Set& set = sets_[name];
    set.reducer = std::make_unique<comm::GradientReducer>(device_, name, tensors, reducer_);
    set.adam = std::make_unique<Adam>(parameters, recipe.adam());
    set.parameters = parameters;
  }
  if (ema_images_ <= 0) return;
  for (const std::string& name : recipe.averaged_sets()) {
    averages_[name].follow(sets_.at(name).parameters);
  }
}

void Updates::begin(const models::Phase& phase) {
  phase_ = &phase;
  zeroed_ = false;
  for (auto& [name, set] : sets_) {
    const bool updated = updates(phase, name);
    for (auto& [parameter_name, parameter] : set.parameters) parameter.requires_grad_(updated);
  }
}

void Updates::zero_gradients() {
  if (std::exchange(zeroed_, true)) return;
  for (const std::string& name : phase_->parameter_sets) {
    if (is_pending(name)) {
      throw Error(ExitCode::internal, "phase " + phase_->name + " computed its loss from " + name +
                                          " without asking for its update (models::Step::ready)");
    }
    sets_.at(name).reducer->begin();
  }
}

void Updates::backward_early(const torch::Tensor& term) {
  zero_gradients();
  const Timeline::Span span(timeline_, Part::backward, "early backward " + phase_->name);
  term.backward();
}

void Updates::backward(const models::LossTerms& loss, When when) {
  zero_gradients();
  if (!pending_.empty()) {
    // Whoever reports settles earlier: the loss would depend on the clock.
    throw Error(ExitCode::internal,
                "phase " + phase_->name + " did not ask for the update of phase " +
                    pending_.front().phase.name + ", which is under way (models::Step::ready)");
  }
  for (const std::string& name : phase_->parameter_sets) {
    // The first set carries the phase's losses, and alone is posted while backward runs: hooks of
    // several sets could come in another order on another rank.
    if (name == phase_->parameter_sets.front()) sets_.at(name).reducer->arm(loss.parts);
  }
  loss.total.backward();
  for (const std::string& name : phase_->parameter_sets) sets_.at(name).reducer->flush();
  pending_.push_back({*phase_, when, {}});
}

bool Updates::is_pending(std::string_view set) const {
  return std::ranges::any_of(pending_,
                             [&](const Pending& pending) { return updates(pending.phase, set); });
}

void Updates::need(std::string_view set) {
  while (is_pending(set)) settle_first();
}

void Updates::settle() {
  while (!pending_.empty()) settle_first();
}

/// Ends the reductions; the time this thread was blocked is told apart.
Updates::Settled Updates::reduce(const Pending& pending) {
  Settled settled{pending.phase.name, pending.when.step, true, {}};
  const std::string name = "reduction of " + pending.phase.name;
  const TimePoint blocked = Timeline::Clock::now();
  std::vector<comm::CallTimes> calls;
  {
    const Timeline::Span span(timeline_, Part::reduction, name);
    for (const std::string& set : pending.phase.parameter_sets) {
      comm::GradientReducer::Outcome outcome = sets_.at(set).reducer->finish();
      settled.finite = settled.finite && outcome.finite;
      settled.losses.merge(outcome.mean_losses);
      calls.insert(calls.end(), outcome.calls.begin(), outcome.calls.end());
    }
  }
  const TimePoint free = Timeline::Clock::now();
  for (const comm::CallTimes& call : calls) {
    timeline_.move(Part::reduction, Part::waiting,
                   overlap_seconds(blocked, free, call.begun, call.met));
    timeline_.note("waiting for ranks (" + pending.phase.name + ")", call.begun, call.met);
    timeline_.note("all_reduce (" + pending.phase.name + ")", call.met, call.ended);
  }
  return settled;
}

void Updates::settle_first() {
  const Settled settled = reduce(pending_.front());
  const Pending pending = std::move(pending_.front());
  pending_.pop_front();
  hooks_.before_change();
  {
    const Timeline::Span span(timeline_, Part::optimizer, "update of " + pending.phase.name);
    for (const std::string& set : pending.phase.parameter_sets) {
      if (settled.finite) sets_.at(set).adam->step(pending.when.learning_rate);
    }
    for (const auto& [set, images] : pending.averages)
      averages_.at(set).update(images, ema_images_);
  }
  hooks_.settled(settled);
}

void Updates::end_step(std::int64_t images) {
  bool told = false;
  for (auto& [set, average] : averages_) {
    const auto last = std::find_if(pending_.rbegin(), pending_.rend(), [&](const Pending& pending) {
      return updates(pending.phase, set);
    });
    if (last != pending_.rend()) {
      last->averages[set] += images;
      continue;
    }
    if (!std::exchange(told, true)) hooks_.before_change();
    const Timeline::Span span(timeline_, Part::optimizer, "average of " + set);
    average.update(images, ema_images_);
  }
}

void Updates::add_state(TensorMap& state) const {
  for (const auto& [name, set] : sets_) {
    for (const auto& [parameter_name, parameter] : set.parameters) {
      state[name + "/" + parameter_name] = parameter.detach();
    }
    set.adam->add_state("adam." + name, state);
  }
  for (const auto& [name, average] : averages_) average.add_state(name + "_ema", state);
}

}  // namespace pgan::train
