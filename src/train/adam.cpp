#include "train/adam.h"

#include <cmath>

#include "train/adam_kernel.h"

namespace pgan::train {

Adam::Adam(models::NamedParameters parameters, models::AdamSettings settings)
    : parameters_(std::move(parameters)),
      settings_(settings),
      steps_(torch::zeros({}, torch::kInt64)) {
  const torch::NoGradGuard no_grad;
  for (const auto& [name, parameter] : parameters_) {
    second_.push_back(torch::zeros_like(parameter));
    if (settings_.beta1 > 0) first_.push_back(torch::zeros_like(parameter));
  }
}

void Adam::step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  steps_ += 1;
  const double t = static_cast<double>(steps_.item<std::int64_t>());
  const double rate = learning_rate * std::sqrt(1 - std::pow(settings_.beta2, t)) /
                      (1 - std::pow(settings_.beta1, t));
  const AdamFactors factors{1 - settings_.beta1, settings_.beta2, 1 - settings_.beta2,
                            settings_.epsilon, rate};
  torch::Tensor none;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    torch::Tensor parameter = parameters_[i].second;
    const torch::Tensor& gradient = parameter.grad();
    if (!gradient.defined()) continue;
    torch::Tensor& first = first_.empty() ? none : first_[i];
    if (adam_in_one_pass(parameter, gradient, first, second_[i], factors)) continue;
    second_[i].mul_(settings_.beta2).addcmul_(gradient, gradient, 1 - settings_.beta2);
    const torch::Tensor divisor = second_[i].sqrt().add_(settings_.epsilon);
    if (settings_.beta1 > 0) {
      first.lerp_(gradient, 1 - settings_.beta1);
      parameter.addcdiv_(first, divisor, -rate);
    } else {
      parameter.addcdiv_(gradient, divisor, -rate);
    }
  }
}

void Adam::add_state(const std::string& prefix, TensorMap& state) const {
  state[prefix + "/step"] = steps_;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const std::string name = prefix + "/" + parameters_[i].first;
    state[name + ".v"] = second_[i];
    if (!first_.empty()) state[name + ".m"] = first_[i];
  }
}

}  // namespace pgan::train
