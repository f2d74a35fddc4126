#include "train/ema.h"

#include <cmath>

namespace pgan::train {

void Ema::follow(models::NamedParameters parameters) {
  const torch::NoGradGuard no_grad;
  parameters_ = std::move(parameters);
  for (const auto& [name, parameter] : parameters_) {
    if (!averages_.contains(name)) averages_[name] = parameter.detach().clone();
  }
}

void Ema::update(std::int64_t images, double half_life_images) {
  const torch::NoGradGuard no_grad;
  const double weight = 1 - std::exp2(-static_cast<double>(images) / half_life_images);
  for (const auto& [name, parameter] : parameters_)
    averages_.at(name).lerp_(parameter.detach(), weight);
}

void Ema::add_state(const std::string& prefix, TensorMap& state) const {
  for (const auto& [name, average] : averages_) state[prefix + "/" + name] = average;
}

AveragedWeights::AveragedWeights(Ema& ema) : ema_(ema) {
  swap();
}
AveragedWeights::~AveragedWeights() {
  swap();
}

void AveragedWeights::swap() {
  for (auto& [name, parameter] : ema_.parameters_) {
    torch::Tensor& average = ema_.averages_.at(name);
    const torch::Tensor held = parameter.detach();
    parameter.set_data(average);
    average = held;
  }
}

}  // namespace pgan::train
