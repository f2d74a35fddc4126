#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

#include "nn/init.h"

namespace pgan::nn {

/// Whether convolutions there gain from bfloat16. A CPU without instructions for it converts each
/// value forth and back, at several times float32's cost.
bool gains_from_bfloat16(const torch::Device& device);

/// Layers as torch has them, without equalized learning rate. First weights are of the distribution
/// torch draws from, keyed by (seed, layer name), whatever the order of construction.
class Layer : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(const torch::Tensor& x) const = 0;
};

struct ConvolutionShape {
  std::int64_t in = 0, out = 0, kernel = 0;
  std::int64_t stride = 1, padding = 0;
  bool bias = false;
  bool transposed = false;
};

/// Convolution or transposed convolution. Weight and bias from U(-b, b), b = 1 / sqrt(fan_in), with
/// fan_in = weight.size(1) * kernel^2 as torch counts it. Differentiable any number of times.
class Convolution : public Layer {
 public:
  /// name: keys the first weights with init.seed, e.g. "G.main.0".
  Convolution(const std::string& name, const ConvolutionShape& shape, const Init& init);
  /// [N,in,H,W] -> [N,out,H',W'], in Init::compute where that is set.
  torch::Tensor forward(const torch::Tensor& x) const override;

  torch::Tensor weight;  ///< [out,in,kernel,kernel]; transposed: [in,out,kernel,kernel]
  torch::Tensor bias;    ///< [out]; undefined: none

 private:
  torch::Tensor as_product(const torch::Tensor& x, const torch::Tensor& used) const;
  torch::Tensor in_fours(const torch::Tensor& x, const torch::Tensor& used) const;
  ConvolutionShape shape_;
  torch::Dtype compute_;
};

/// Instance normalisation with weight 1 and bias 0 at first, and ReLU where asked for
/// (nn/instance_norm.h).
class InstanceNorm : public Layer {
 public:
  InstanceNorm(std::int64_t channels, bool relu, const Init& init);
  torch::Tensor forward(const torch::Tensor& x) const override;

  torch::Tensor weight;  ///< [C]
  torch::Tensor bias;    ///< [C]

 private:
  bool relu_;
};

/// Layers one after the other, named by numbers of the caller's choice: published networks count
/// activations too.
class Sequence : public Layer {
 public:
  void add(std::int64_t number, std::shared_ptr<Layer> layer);
  torch::Tensor forward(const torch::Tensor& x) const override;
  const std::vector<std::shared_ptr<Layer>>& layers() const { return layers_; }

 private:
  std::vector<std::shared_ptr<Layer>> layers_;
};

}  // namespace pgan::nn
