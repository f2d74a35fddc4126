#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

#include "nn/init.h"
#include "nn/plain.h"

namespace pgan::models {

struct ClassifierShape {
  std::int64_t resolution = 64;  ///< pixels a side, a power of two, 8 or more
  std::int64_t labels = 1;       ///< logits
  std::int64_t width = 32;       ///< channels of the first layer, a multiple of 8
};

/// Residual convolutional network (He et al. 2016, "Identity mappings in deep residual networks")
/// with group normalisation (Wu and He 2018) in place of batch normalisation: no statistics over
/// rows, so that a picture's logits do not depend on its minibatch.
///
/// A convolution that halves the picture, then residual blocks that halve it down to 4x4 and double
/// the channels up to 8 times the width; mean over pixels, linear head.
class ClassifierNetwork : public torch::nn::Module {
 public:
  ClassifierNetwork(const ClassifierShape& shape, const nn::Init& init);
  /// [N,3,R,R] -> [N,labels].
  torch::Tensor forward(const torch::Tensor& images) const;

 private:
  class Norm;
  class Block;
  std::shared_ptr<nn::Convolution> first_, head_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::shared_ptr<Norm> norm_;
};

}  // namespace pgan::models
