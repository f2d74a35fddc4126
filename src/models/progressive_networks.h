#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "core/types.h"
#include "nn/equalized.h"

namespace pgan::models {

/// Layer widths of a Progressive GAN.
struct ProgressiveShape {
  std::int64_t latent = 512;
  std::vector<std::int64_t> channels;  ///< at 4, 8, 16, … pixels
  /// The generator's first layer has a bias for each of its C·4·4 outputs, not one a channel as
  /// published.
  bool pixel_bias = false;
  std::int64_t channels_at(std::int64_t resolution) const;
};

/// min(fmap_base / 2^(r-1), fmap_max) channels at 2^r pixels, r = 2 … 10 (Karras et al. 2018, table
/// 2).
std::vector<std::int64_t> progressive_channels(std::int64_t fmap_base, std::int64_t fmap_max);

/// Hears each layer's output by name ("8.conv0", "to_rgb.8"): for tests and inspection.
using Tap = std::function<void(const std::string& layer, const torch::Tensor& output)>;

/// Children by number or name, which torch::nn::ModuleDict would not let grow in C++.
struct LayerGroup : torch::nn::Module {
  std::map<std::string, std::shared_ptr<nn::EqualizedConv2d>> convs;
  std::map<std::string, std::shared_ptr<nn::EqualizedLinear>> denses;
  void add_conv(const std::string& child, std::shared_ptr<nn::EqualizedConv2d> layer);
  void add_dense(const std::string& child, std::shared_ptr<nn::EqualizedLinear> layer);
};

/// Generator (Karras et al. 2018, table 2): latent -> picture at the present resolution.
class ProgressiveGenerator : public torch::nn::Module {
 public:
  ProgressiveGenerator(ProgressiveShape shape, nn::Init init);
  /// Adds the layers up to a resolution (a power of two); true if any were missing.
  bool grow(std::int64_t resolution);
  /// z: [N,latent], normalised here. Returns [N,3,R,R], linear (no tanh), R = growth.resolution.
  torch::Tensor forward(const torch::Tensor& z, const Growth& growth,
                        const Tap& tap = nullptr) const;

 private:
  LayerGroup& block(std::int64_t resolution) const { return *blocks_.at(resolution); }
  ProgressiveShape shape_;
  nn::Init init_;
  std::map<std::int64_t, std::shared_ptr<LayerGroup>> blocks_;
  std::shared_ptr<LayerGroup> to_rgb_;
};

/// Discriminator, mirror image of the generator, with minibatch stddev at 4x4.
class ProgressiveDiscriminator : public torch::nn::Module {
 public:
  ProgressiveDiscriminator(ProgressiveShape shape, nn::Init init);
  bool grow(std::int64_t resolution);
  /// images: [N,3,R,R], N divisible by group (members of a minibatch-stddev group). Returns [N].
  torch::Tensor forward(const torch::Tensor& images, const Growth& growth, std::int64_t group,
                        const Tap& tap = nullptr) const;

 private:
  LayerGroup& block(std::int64_t resolution) const { return *blocks_.at(resolution); }
  torch::Tensor from_rgb(const torch::Tensor& images, std::int64_t resolution) const;
  ProgressiveShape shape_;
  nn::Init init_;
  std::map<std::int64_t, std::shared_ptr<LayerGroup>> blocks_;
  std::shared_ptr<LayerGroup> from_rgb_;
};

}  // namespace pgan::models
