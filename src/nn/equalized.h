#pragma once
#include <cstdint>
#include <string>

#include <torch/nn/module.h>
#include <torch/types.h>

#include "nn/init.h"

namespace pgan::nn {

/// Gain of a layer followed by LeakyReLU 0.2 (He et al. 2015; the published code uses sqrt(2)).
inline constexpr double kReluGain = 1.4142135623730951;
inline constexpr double kLeakySlope = 0.2;

/// Convolution with equalized learning rate (Karras et al. 2018, section 4.1): the weight is stored
/// as drawn from N(0,1) and used as weight * gain / sqrt(fan_in), so that Adam's step, which does
/// not depend on the gradient's scale, is the same relative to every layer. Bias zero and unscaled.
/// Stride 1, "same" zero padding.
class EqualizedConv2d : public torch::nn::Module {
 public:
  /// name: keys the first weights with init.seed, e.g. "G.8.conv0". kernel: odd.
  EqualizedConv2d(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel,
                  double gain, const Init& init);
  /// [N,in,H,W] -> [N,out,H,W]
  torch::Tensor forward(const torch::Tensor& x) const;

  torch::Tensor weight;  ///< [out,in,kernel,kernel], unscaled
  torch::Tensor bias;    ///< [out]

 private:
  double scale_;
};

/// Dense layer with equalized learning rate. bias_size below `out` shares each bias among the
/// out / bias_size outputs of a channel (the generator's first layer, out = C*4*4, bias [C]).
class EqualizedLinear : public torch::nn::Module {
 public:
  EqualizedLinear(const std::string& name, std::int64_t in, std::int64_t out, double gain,
                  const Init& init, std::int64_t bias_size = 0);
  /// [N,in] -> [N,out]
  torch::Tensor forward(const torch::Tensor& x) const;

  torch::Tensor weight;  ///< [out,in], unscaled
  torch::Tensor bias;    ///< [bias_size], by default [out]

 private:
  double scale_;
};

/// x * rsqrt(mean over channels of x^2 + 1e-8) (Karras et al. 2018, section 4.2). Any shape
/// [N,C,...].
torch::Tensor pixel_norm(const torch::Tensor& x);

/// LeakyReLU with slope 0.2.
torch::Tensor leaky_relu(const torch::Tensor& x);

}  // namespace pgan::nn
