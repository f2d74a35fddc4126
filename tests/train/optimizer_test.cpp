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
