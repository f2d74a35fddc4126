#pragma once
#include <functional>

#include <torch/types.h>

namespace pgan::models {

/// Settings of WGAN-GP (Gulrajani et al. 2017) with the drift term of Karras et al. 2018, appendix
/// A.1.
struct WassersteinSettings {
  double penalty_weight = 10.0;  ///< lambda
  double penalty_target = 1.0;   ///< norm the gradient is pulled to
  double drift = 0.001;          ///< weight of mean D(real)^2
};

using Critic = std::function<torch::Tensor(const torch::Tensor& images)>;  ///< [N,...] -> [N]

struct CriticLoss {
  torch::Tensor total;             ///< scalar; without graph where the terms were taken apart
  torch::Tensor rest;              ///< scalar: total without the terms of the real images
  torch::Tensor real, fake;        ///< [N] scores
  torch::Tensor mixed;             ///< [N] scores of the mixed images
  torch::Tensor gradient_norm;     ///< [N] L2 norms of d mixed / d image
  torch::Tensor gradient_penalty;  ///< scalar mean (norm - target)^2 / target^2, before lambda
};

/// mean D(fake) − mean D(real) + lambda · penalty + drift · mean D(real)².
///
/// real: [N,C,H,W]. make_fake: called once, after the critic's pass over the reals; gives as many
/// images, without graph. on_real_terms: given −mean D(real) + drift · mean D(real)² before
/// make_fake is called, to run backward of it; null: it stays in total. mix: [N,1,1,1], weight of
/// the real image in the mixture the gradient is taken at. The penalty differentiates twice through
/// the critic.
CriticLoss critic_loss(const Critic& critic, const torch::Tensor& real,
                       const std::function<torch::Tensor()>& make_fake, const torch::Tensor& mix,
                       const WassersteinSettings& settings,
                       const std::function<void(const torch::Tensor&)>& on_real_terms = nullptr);

}  // namespace pgan::models
