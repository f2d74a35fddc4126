#include "nn/instance_norm.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/error.h"
#include "core/noise.h"

namespace pgan::nn {
namespace {

double apart(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

/// torch's own instance norm, in float64 the reference of the loops in nn/instance_norm.cpp.
torch::Tensor reference_norm(const torch::Tensor& x, const torch::Tensor& weight,
                             const torch::Tensor& bias) {
  return torch::relu(torch::instance_norm(x, weight, bias, {}, {}, true, 0.1, 1e-5, true));
}

TEST(InstanceNorm, LargeMeansCostNoAccuracy) {
  const torch::Tensor x = (named_normal(1, "x", {3, 7, 40, 20}) + 1000).requires_grad_(true);
  const torch::Tensor weight = named_normal(1, "w", {7}).requires_grad_(true);
  const torch::Tensor bias = named_normal(1, "b", {7}).requires_grad_(true);
  const torch::Tensor g = named_normal(1, "g", {3, 7, 40, 20});
  const torch::Tensor expected = reference_norm(x, weight, bias);
  const auto wanted = torch::autograd::grad({expected}, {x, weight, bias}, {g});
  for (const auto dtype : {torch::kFloat64, torch::kFloat32}) {
    const double tolerance = dtype == torch::kFloat64 ? 1e-10 : 1e-3;
    const torch::Tensor y =
        instance_norm(x.to(dtype), weight.to(dtype), bias.to(dtype), /*relu=*/true);
    EXPECT_LT(apart(y.detach().to(torch::kFloat64), expected.detach()), tolerance);
    const auto found = torch::autograd::grad({y}, {x, weight, bias}, {g.to(dtype)});
    for (std::size_t i = 0; i < wanted.size(); ++i)
      EXPECT_LT(apart(found[i], wanted[i]), 20 * tolerance) << i;
  }
}

TEST(InstanceNorm, ASecondDerivativeIsRefused) {
  const torch::Tensor x = named_normal(1, "x", {1, 2, 4, 4}).requires_grad_(true);
  const torch::Tensor one = torch::ones({2}, torch::kFloat64);
  const torch::Tensor y = instance_norm(x, one, one, true).square().sum();
  EXPECT_THROW(torch::autograd::grad({y}, {x}, {}, true, /*create_graph=*/true), Error);
}

}  // namespace
}  // namespace pgan::nn
