#include "nn/winograd.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "nn/plain.h"

namespace pgan::nn {
namespace {

/// Largest error relative to the largest value of torch's convolution in float64.
double error_of(const torch::Tensor& found, const torch::Tensor& exact) {
  return ((found.to(torch::kFloat64) - exact).abs().max() / exact.abs().max()).item<double>();
}

struct Results {
  torch::Tensor y, to_x, to_weight;
};

template <class Convolve>
Results results(const Convolve& convolve, const torch::Tensor& x, const torch::Tensor& weight,
                const torch::Tensor& gradient) {
  const torch::Tensor a = x.detach().requires_grad_(true), b = weight.detach().requires_grad_(true);
  const torch::Tensor y = convolve(a, b);
  y.backward(gradient);
  return {y.detach(), a.grad(), b.grad()};
}

struct Shape {
  std::int64_t images, in, out, height, width;
};

class Winograd : public ::testing::TestWithParam<Shape> {};

TEST_P(Winograd, IsTheConvolutionAndItsGradients) {
  const Shape s = GetParam();
  torch::manual_seed(3);
  const torch::Tensor x = torch::randn({s.images, s.in, s.height, s.width});
  const torch::Tensor weight = torch::randn({s.out, s.in, 3, 3});
  const torch::Tensor gradient = torch::randn({s.images, s.out, s.height, s.width});
  ASSERT_TRUE(winograd_fits(x, weight));
  const auto direct = [](const torch::Tensor& a, const torch::Tensor& b) {
    return torch::conv2d(a, b, {}, 1, 1);
  };
  const Results exact = results(direct, x.to(torch::kFloat64), weight.to(torch::kFloat64),
                                gradient.to(torch::kFloat64));
  const int before = torch::get_num_threads();
  for (const int threads : {1, 3}) {
    torch::set_num_threads(threads);
    const Results found = results(winograd_convolution, x, weight, gradient);
    EXPECT_LT(error_of(found.y, exact.y), 3e-5);
    EXPECT_LT(error_of(found.to_x, exact.to_x), 3e-5);
    EXPECT_LT(error_of(found.to_weight, exact.to_weight), 3e-5);
  }
  torch::set_num_threads(before);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Winograd,
                         ::testing::Values(Shape{2, 32, 32, 16, 16}, Shape{1, 48, 32, 4, 4},
                                           Shape{3, 32, 80, 8, 12}, Shape{2, 256, 256, 32, 32}));

TEST(WinogradFits, OnlyWhatItCanCompute) {
  const auto fits = [](std::vector<std::int64_t> x, std::vector<std::int64_t> weight,
                       torch::Dtype dtype) {
    return winograd_fits(torch::empty(x, dtype), torch::empty(weight, dtype));
  };
  EXPECT_TRUE(fits({1, 32, 8, 8}, {32, 32, 3, 3}, torch::kFloat32));
  EXPECT_FALSE(fits({1, 32, 8, 8}, {32, 32, 3, 3}, torch::kFloat64));
  EXPECT_FALSE(fits({1, 32, 8, 10}, {32, 32, 3, 3}, torch::kFloat32));
  EXPECT_FALSE(fits({1, 40, 8, 8}, {32, 40, 3, 3}, torch::kFloat32));
  EXPECT_FALSE(fits({1, 16, 8, 8}, {32, 16, 3, 3}, torch::kFloat32));
  EXPECT_FALSE(fits({1, 32, 8, 8}, {32, 32, 4, 4}, torch::kFloat32));
  EXPECT_FALSE(fits({0, 32, 8, 8}, {32, 32, 3, 3}, torch::kFloat32));
}

TEST(Winograd, HasTheSecondDerivativeOfTorchsConvolution) {
  torch::manual_seed(4);
  const torch::Tensor x = torch::randn({1, 32, 8, 8}).requires_grad_(true);
  const torch::Tensor weight = torch::randn({32, 32, 3, 3}).requires_grad_(true);
  const auto second = [&](const torch::Tensor& y) {
    const torch::Tensor first =
        torch::autograd::grad({y.square().sum()}, {x}, {}, true, /*create_graph=*/true)[0];
    return torch::autograd::grad({first.square().sum()}, {weight})[0];
  };
  const torch::Tensor expected = second(torch::conv2d(x, weight, {}, 1, 1));
  EXPECT_LT(error_of(second(winograd_convolution(x, weight)), expected.to(torch::kFloat64)), 1e-4);
}

TEST(Convolution, OfFewChannelsIsTorchs) {
  for (const std::int64_t kernel : {3, 7}) {
    const std::int64_t padding = kernel / 2;
    const Convolution layer("c", {8, 3, kernel, 1, padding}, {1, torch::kFloat64});
    const torch::Tensor x = torch::randn({2, 8, 10, 12}, torch::kFloat64);
    const torch::Tensor gradient = torch::randn({2, 3, 10, 12}, torch::kFloat64);
    const auto ours = [&](const torch::Tensor& a, const torch::Tensor&) {
      return layer.forward(a);
    };
    const auto torchs = [&](const torch::Tensor& a, const torch::Tensor& b) {
      return torch::conv2d(a, b, {}, 1, padding);
    };
    const Results expected = results(torchs, x, layer.weight, gradient);
    const torch::Tensor a = x.clone().requires_grad_(true);
    ours(a, {}).backward(gradient);
    EXPECT_TRUE(torch::allclose(layer.forward(x), expected.y, 1e-12, 1e-12));
    EXPECT_TRUE(torch::allclose(a.grad(), expected.to_x, 1e-12, 1e-12));
    EXPECT_TRUE(torch::allclose(layer.weight.grad(), expected.to_weight, 1e-12, 1e-12));
  }
}

}  // namespace
}  // namespace pgan::nn
