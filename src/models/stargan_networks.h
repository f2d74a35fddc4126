#pragma once
#include <cstdint>
#include <memory>

#include <torch/nn/module.h>
#include <torch/types.h>

#include "nn/plain.h"

namespace pgan::models {

/// Sizes of StarGAN's networks (Choi et al. 2018, tables 4 and 5).
struct StarganShape {
  std::int64_t resolution = 128;      ///< pixels a side
  std::int64_t labels = 0;            ///< entries of the label vector the generator is given
  std::int64_t head_labels = 0;       ///< outputs of the discriminator's label head
  std::int64_t generator_width = 64;  ///< channels after the first layer
  std::int64_t discriminator_width = 64;
  std::int64_t residual_blocks = 6;
  std::int64_t discriminator_layers = 6;  ///< each halves the picture
};

/// Generator: a picture and the labels it should get -> that picture translated. Parameters are
/// named as in the published networks. Where the paper's figures and the published code differ, the
/// code is followed: no ReLU after a residual sum, no convolution bias.
class StarganGenerator : public torch::nn::Module {
 public:
  /// Throws ConfigError for a shape that has no network.
  StarganGenerator(const StarganShape& shape, const nn::Init& init);
  /// images: [N,3,R,R] in [-1,1], R divisible by 4; labels: [N,labels]. Returns [N,3,R,R] in [-1,1]
  /// of the parameters' dtype. On the CPU differentiable once.
  torch::Tensor forward(const torch::Tensor& images, const torch::Tensor& labels) const;

 private:
  torch::Dtype dtype_;
  std::shared_ptr<nn::Sequence> main_;
};

/// PatchGAN discriminator with a second head that tells labels. Parameters are named as in the
/// published networks.
class StarganDiscriminator : public torch::nn::Module {
 public:
  struct Output {
    torch::Tensor patches;  ///< [N,1,h,w] scores, high for real; h = w = R / 2^layers
    torch::Tensor labels;   ///< [N,head_labels] logits
  };
  /// Throws ConfigError for a shape that has no network.
  StarganDiscriminator(const StarganShape& shape, const nn::Init& init);
  /// images: [N,3,R,R] in [-1,1], R = resolution. Outputs are of the parameters' dtype.
  /// Differentiable any number of times.
  Output forward(const torch::Tensor& images) const;

 private:
  torch::Dtype dtype_;
  std::shared_ptr<nn::Sequence> main_;
  std::shared_ptr<nn::Convolution> patch_head_, label_head_;
};

}  // namespace pgan::models
