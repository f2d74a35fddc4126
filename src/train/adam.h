#pragma once
#include <cstdint>
#include <string>

#include "core/types.h"
#include "models/recipe.h"

namespace pgan::train {

/// Adam (Kingma and Ba 2015, algorithm 1, in the form of its section 2 that folds the bias
/// correction into the step size, as TensorFlow and so the published Progressive GAN do): w -= lr ·
/// sqrt(1 − β2^t)/(1 − β1^t) · m / (sqrt(v) + ε).
class Adam {
 public:
  Adam(models::NamedParameters parameters, models::AdamSettings settings);
  /// One update from .grad. A parameter without gradient is left alone.
  void step(double learning_rate);
  /// Adds "<prefix>/step" (int64 scalar), "<prefix>/<parameter>.v" and, with β1 > 0, ".m": the
  /// tensors themselves, to save or to fill.
  void add_state(const std::string& prefix, TensorMap& state) const;

 private:
  models::NamedParameters parameters_;
  models::AdamSettings settings_;
  torch::Tensor steps_;
  std::vector<torch::Tensor> first_,
      second_;  // moments; first_ is empty with β1 = 0, where m = gradient
};

}  // namespace pgan::train
