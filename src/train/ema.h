#pragma once
#include <map>
#include <string>

#include "core/types.h"
#include "models/recipe.h"

namespace pgan::train {

/// Exponential moving average of a parameter set, with a half-life in images, so that it does not
/// depend on the minibatch (the published 0.999 a step at minibatch 16 is 11 kimg).
class Ema {
 public:
  /// Parameters not averaged so far (new layers) start as a copy; others keep their average.
  void follow(models::NamedParameters parameters);
  /// average += (1 − 2^(−images / half_life)) (parameter − average).
  void update(std::int64_t images, double half_life_images);
  void add_state(const std::string& prefix, TensorMap& state) const;

 private:
  friend class AveragedWeights;
  models::NamedParameters parameters_;
  std::map<std::string, torch::Tensor> averages_;
};

/// While it lives, the parameters hold their averages.
class AveragedWeights {
 public:
  explicit AveragedWeights(Ema& ema);
  ~AveragedWeights();
  AveragedWeights(const AveragedWeights&) = delete;
  AveragedWeights& operator=(const AveragedWeights&) = delete;

 private:
  void swap();
  Ema& ema_;
};

}  // namespace pgan::train
