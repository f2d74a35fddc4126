#include "models/wasserstein.h"

#include <torch/autograd.h>

namespace pgan::models {

CriticLoss critic_loss(const Critic& critic, const torch::Tensor& real,
                       const std::function<torch::Tensor()>& make_fake, const torch::Tensor& mix,
                       const WassersteinSettings& settings,
                       const std::function<void(const torch::Tensor&)>& on_real_terms) {
  CriticLoss loss;
  loss.real = critic(real);
  torch::Tensor real_terms = settings.drift * loss.real.square().mean() - loss.real.mean();
  if (on_real_terms) {
    on_real_terms(real_terms);
    real_terms = real_terms.detach();
    loss.real = loss.real.detach();
  }
  const torch::Tensor fake = make_fake();
  loss.fake = critic(fake);
  const torch::Tensor between = (mix * real + (1 - mix) * fake).detach().requires_grad_(true);
  loss.mixed = critic(between);
  const torch::Tensor gradient = torch::autograd::grad(
      {loss.mixed.sum()}, {between}, {}, /*retain_graph=*/true, /*create_graph=*/true)[0];
  loss.gradient_norm = gradient.square().sum({1, 2, 3}).sqrt();
  const double target = settings.penalty_target;
  loss.gradient_penalty = (loss.gradient_norm - target).square().mean() / (target * target);
  loss.rest = loss.fake.mean() + settings.penalty_weight * loss.gradient_penalty;
  loss.total = on_real_terms ? loss.rest.detach() + real_terms : loss.rest + real_terms;
  return loss;
}

}  // namespace pgan::models
