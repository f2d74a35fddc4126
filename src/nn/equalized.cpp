#include "nn/equalized.h"

#include <cmath>

#include "core/noise.h"

namespace pgan::nn {
namespace {

constexpr double kPixelNormEpsilon = 1e-8;

torch::Tensor first_weight(const std::string& name, torch::IntArrayRef shape, const Init& init) {
  return named_normal(init.seed, name + ".weight", shape).to(init.device, init.dtype);
}

torch::Tensor zeros(std::int64_t size, const Init& init) {
  return torch::zeros({size}, torch::TensorOptions(init.dtype).device(init.device));
}

}  // namespace

EqualizedConv2d::EqualizedConv2d(const std::string& name, std::int64_t in, std::int64_t out,
                                 std::int64_t kernel, double gain, const Init& init)
    : scale_(gain / std::sqrt(static_cast<double>(in * kernel * kernel))) {
  weight = register_parameter("weight", first_weight(name, {out, in, kernel, kernel}, init));
  bias = register_parameter("bias", zeros(out, init));
}

torch::Tensor EqualizedConv2d::forward(const torch::Tensor& x) const {
  const std::int64_t pad = weight.size(2) / 2;
  return torch::conv2d(x, weight * scale_, bias, 1, pad);
}

EqualizedLinear::EqualizedLinear(const std::string& name, std::int64_t in, std::int64_t out,
                                 double gain, const Init& init, std::int64_t bias_size)
    : scale_(gain / std::sqrt(static_cast<double>(in))) {
  weight = register_parameter("weight", first_weight(name, {out, in}, init));
  bias = register_parameter("bias", zeros(bias_size > 0 ? bias_size : out, init));
}

torch::Tensor EqualizedLinear::forward(const torch::Tensor& x) const {
  const std::int64_t repeats = weight.size(0) / bias.size(0);
  return torch::linear(x, weight * scale_, repeats == 1 ? bias : bias.repeat_interleave(repeats));
}

torch::Tensor pixel_norm(const torch::Tensor& x) {
  return x * torch::rsqrt(x.square().mean(1, /*keepdim=*/true) + kPixelNormEpsilon);
}

torch::Tensor leaky_relu(const torch::Tensor& x) {
  return torch::leaky_relu(x, kLeakySlope);
}

}  // namespace pgan::nn
