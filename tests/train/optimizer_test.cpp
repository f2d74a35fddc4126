#include <cmath>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "train/adam.h"
#include "train/ema.h"

namespace pgan::train {
namespace {

torch::Tensor scalar(double value) {
  return torch::full({1}, value, torch::kFloat64).requires_grad_(true);
}

TEST(Adam, FollowsThePaperByHand) {
  torch::Tensor w = scalar(1.0);
  Adam adam({{"w", w}}, {0.5, 0.9, 1e-8});
  double m = 0, v = 0, expected = 1.0;
  for (int t = 1; t <= 3; ++t) {
    const double gradient = 0.3 * t;
    w.mutable_grad() = torch::full({1}, gradient, torch::kFloat64);
    adam.step(0.01);
    m = 0.5 * m + 0.5 * gradient;
    v = 0.9 * v + 0.1 * gradient * gradient;
    const double rate = 0.01 * std::sqrt(1 - std::pow(0.9, t)) / (1 - std::pow(0.5, t));
    expected -= rate * m / (std::sqrt(v) + 1e-8);
    EXPECT_NEAR(w.item<double>(), expected, 1e-14);
  }
}

TEST(Adam, AgreesWithTheReferenceImplementation) {
  torch::Tensor ours = torch::linspace(-1, 1, 10, torch::kFloat64).requires_grad_(true);
  torch::Tensor theirs = ours.detach().clone().requires_grad_(true);
  Adam adam({{"w", ours}}, {0.0, 0.99, 1e-8});
  torch::optim::Adam reference({theirs},
                               torch::optim::AdamOptions(0.01).betas({0.0, 0.99}).eps(1e-12));
  for (int t = 0; t < 5; ++t) {
    for (torch::Tensor* w : {&ours, &theirs}) {
      w->mutable_grad() = torch::Tensor();
      (w->square() * torch::arange(1, 11, torch::kFloat64)).sum().backward();
    }
    adam.step(0.01);
    reference.step();
  }
  EXPECT_LT((ours - theirs).abs().max().item<double>(), 1e-8);
}

/// The formula of torch's own operations.
void step_by_operations(torch::Tensor& w, const torch::Tensor& g, torch::Tensor& m,
                        torch::Tensor& v, const models::AdamSettings& settings, double rate) {
  v.mul_(settings.beta2).addcmul_(g, g, 1 - settings.beta2);
  m.lerp_(g, 1 - settings.beta1);
  w.addcdiv_(m, v.sqrt().add_(settings.epsilon), -rate);
}

/// Three updates of a tensor by gradients that may lie in another order; sizes that no block or
/// vector divides.
struct Updated {
  torch::Tensor adam, operations;
};

Updated updated(torch::Dtype dtype, double beta1, bool channels_last,
                bool gradients_channels_last) {
  const auto order = [](bool last) {
    return last ? torch::MemoryFormat::ChannelsLast : torch::MemoryFormat::Contiguous;
  };
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  torch::Tensor w = torch::randn({37, 19, 5, 3}, dtype).contiguous(order(channels_last));
  Updated run{w.clone().requires_grad_(true), w};
  torch::Tensor m = torch::zeros_like(w), v = torch::zeros_like(w);
  const models::AdamSettings settings{beta1, 0.999, 1e-8};
  Adam adam({{"w", run.adam}}, settings);
  for (int t = 1; t <= 3; ++t) {
    const torch::Tensor g =
        torch::randn({37, 19, 5, 3}, dtype).contiguous(order(gradients_channels_last));
    run.adam.mutable_grad() = g;
    adam.step(0.01);
    step_by_operations(run.operations, g, m, v, settings,
                       0.01 * std::sqrt(1 - std::pow(0.999, t)) / (1 - std::pow(beta1, t)));
  }
  return run;
}

TEST(Adam, IsTheFormulaForAllOrdersTypesAndMoments) {
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    for (const double beta1 : {0.0, 0.5, 0.9}) {
      for (const bool channels_last : {false, true}) {
        for (const bool gradients_channels_last : {false, true}) {
          const Updated run = updated(dtype, beta1, channels_last, gradients_channels_last);
          EXPECT_TRUE(torch::allclose(run.adam, run.operations, 1e-6, 1e-8)) << dtype << beta1;
        }
      }
    }
  }
}

TEST(Adam, DoesNotDependOnTheNumberOfThreads) {
  const int before = torch::get_num_threads();
  torch::set_num_threads(1);
  const Updated one = updated(torch::kFloat32, 0.5, true, false);
  for (const int threads : {2, 3, 7}) {
    torch::set_num_threads(threads);
    EXPECT_TRUE(torch::equal(one.adam, updated(torch::kFloat32, 0.5, true, false).adam)) << threads;
  }
  torch::set_num_threads(before);
}

TEST(Adam, WithoutGradientAParameterStays) {
  torch::Tensor w = scalar(1.0), z = scalar(2.0);
  Adam adam({{"w", w}, {"z", z}}, {});
  z.mutable_grad() = torch::zeros({1}, torch::kFloat64);
  adam.step(0.1);
  EXPECT_EQ(w.item<double>(), 1.0);
  EXPECT_EQ(z.item<double>(), 2.0);
}

TEST(Ema, HalvesTheDistanceInAHalfLifeWhateverTheMinibatch) {
  for (const std::int64_t minibatch : {1, 16, 1000}) {
    torch::Tensor w = scalar(0.0);
    Ema ema;
    ema.follow({{"w", w}});
    {
      const torch::NoGradGuard no_grad;
      w.fill_(1.0);
    }
    for (std::int64_t images = 0; images < 2000; images += minibatch) ema.update(minibatch, 2000);
    TensorMap state;
    ema.add_state("G_ema", state);
    EXPECT_NEAR(state.at("G_ema/w").item<double>(), 0.5, 1e-12);
  }
}

TEST(Ema, NewLayersStartAsACopyAndOldOnesKeepTheirAverage) {
  torch::Tensor w = scalar(0.0), fresh = scalar(5.0);
  Ema ema;
  ema.follow({{"w", w}});
  {
    const torch::NoGradGuard no_grad;
    w.fill_(1.0);
  }
  ema.update(1, 1);
  ema.follow({{"w", w}, {"new", fresh}});
  TensorMap state;
  ema.add_state("e", state);
  EXPECT_DOUBLE_EQ(state.at("e/w").item<double>(), 0.5);
  EXPECT_DOUBLE_EQ(state.at("e/new").item<double>(), 5.0);
}

TEST(AveragedWeights, AreInPlaceWhileItLives) {
  torch::Tensor w = scalar(0.0);
  Ema ema;
  ema.follow({{"w", w}});
  {
    const torch::NoGradGuard no_grad;
    w.fill_(1.0);
  }
  {
    const AveragedWeights averaged(ema);
    EXPECT_EQ(w.item<double>(), 0.0);
  }
  EXPECT_EQ(w.item<double>(), 1.0);
  ema.update(1, 0);
  const AveragedWeights averaged(ema);
  EXPECT_EQ(w.item<double>(), 1.0);
}

}  // namespace
}  // namespace pgan::train
