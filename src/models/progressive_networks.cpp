#include "models/progressive_networks.h"

#include <algorithm>
#include <bit>

#include "nn/minibatch_stddev.h"
#include "nn/resample.h"

namespace pgan::models {
namespace {

constexpr std::int64_t kFirst = 4;  // resolution of the first block

void note(const Tap& tap, const std::string& layer, const torch::Tensor& output) {
  if (tap) tap(layer, output);
}

std::string layer_name(const char* network, std::int64_t resolution, const char* layer) {
  return std::string(network) + "." + std::to_string(resolution) + "." + layer;
}

}  // namespace

std::int64_t ProgressiveShape::channels_at(std::int64_t resolution) const {
  const int index = std::bit_width(static_cast<std::uint64_t>(resolution)) - 3;
  return channels.at(static_cast<std::size_t>(index));
}

std::vector<std::int64_t> progressive_channels(std::int64_t fmap_base, std::int64_t fmap_max) {
  std::vector<std::int64_t> channels;
  for (int r = 2; r <= 10; ++r) {
    channels.push_back(std::max<std::int64_t>(1, std::min(fmap_base >> (r - 1), fmap_max)));
  }
  return channels;
}

void LayerGroup::add_conv(const std::string& child, std::shared_ptr<nn::EqualizedConv2d> layer) {
  convs[child] = register_module(child, std::move(layer));
}

void LayerGroup::add_dense(const std::string& child, std::shared_ptr<nn::EqualizedLinear> layer) {
  denses[child] = register_module(child, std::move(layer));
}

ProgressiveGenerator::ProgressiveGenerator(ProgressiveShape shape, nn::Init init)
    : shape_(std::move(shape)), init_(init) {
  to_rgb_ = register_module("to_rgb", std::make_shared<LayerGroup>());
  grow(kFirst);
}

bool ProgressiveGenerator::grow(std::int64_t resolution) {
  bool changed = false;
  for (std::int64_t r = kFirst; r <= resolution; r *= 2) {
    if (blocks_.contains(r)) continue;
    const std::int64_t c = shape_.channels_at(r);
    auto block = std::make_shared<LayerGroup>();
    if (r == kFirst) {
      // Gain √2/4 as published: the dense layer's fan-in counts as if it were a 4x4 convolution's.
      block->add_dense("dense", std::make_shared<nn::EqualizedLinear>(
                                    "G.4.dense", shape_.latent, c * 16, nn::kReluGain / 4, init_,
                                    shape_.pixel_bias ? c * 16 : c));
      block->add_conv(
          "conv", std::make_shared<nn::EqualizedConv2d>("G.4.conv", c, c, 3, nn::kReluGain, init_));
    } else {
      const std::int64_t below = shape_.channels_at(r / 2);
      block->add_conv("conv0", std::make_shared<nn::EqualizedConv2d>(
                                   layer_name("G", r, "conv0"), below, c, 3, nn::kReluGain, init_));
      block->add_conv("conv1", std::make_shared<nn::EqualizedConv2d>(layer_name("G", r, "conv1"), c,
                                                                     c, 3, nn::kReluGain, init_));
    }
    blocks_[r] = register_module(std::to_string(r), block);
    to_rgb_->add_conv(std::to_string(r), std::make_shared<nn::EqualizedConv2d>(
                                             "G.to_rgb." + std::to_string(r), c, 3, 1, 1.0, init_));
    changed = true;
  }
  return changed;
}

torch::Tensor ProgressiveGenerator::forward(const torch::Tensor& z, const Growth& growth,
                                            const Tap& tap) const {
  torch::Tensor x = nn::pixel_norm(z);
  note(tap, "z_normalised", x);
  const LayerGroup& first = block(kFirst);
  x = first.denses.at("dense")->forward(x).view({z.size(0), -1, kFirst, kFirst});  // [N,C,4,4]
  note(tap, "4.dense", x = nn::pixel_norm(nn::leaky_relu(x)));
  note(tap, "4.conv", x = nn::pixel_norm(nn::leaky_relu(first.convs.at("conv")->forward(x))));
  torch::Tensor below;  // features at half the final resolution
  for (std::int64_t r = kFirst * 2; r <= growth.resolution; r *= 2) {
    below = x;
    const std::string name = std::to_string(r);
    x = nn::upsample_nearest(x);
    for (const char* conv : {"conv0", "conv1"}) {
      x = nn::pixel_norm(nn::leaky_relu(block(r).convs.at(conv)->forward(x)));
      note(tap, name + "." + conv, x);
    }
  }
  const torch::Tensor picture = to_rgb_->convs.at(std::to_string(growth.resolution))->forward(x);
  if (!growth.fading() || !below.defined()) return picture;
  const auto& old = to_rgb_->convs.at(std::to_string(growth.resolution / 2));
  return nn::blend(nn::upsample_nearest(old->forward(below)), picture, growth.alpha);
}

ProgressiveDiscriminator::ProgressiveDiscriminator(ProgressiveShape shape, nn::Init init)
    : shape_(std::move(shape)), init_(init) {
  from_rgb_ = register_module("from_rgb", std::make_shared<LayerGroup>());
  grow(kFirst);
}

bool ProgressiveDiscriminator::grow(std::int64_t resolution) {
  bool changed = false;
  for (std::int64_t r = kFirst; r <= resolution; r *= 2) {
    if (blocks_.contains(r)) continue;
    const std::int64_t c = shape_.channels_at(r);
    auto block = std::make_shared<LayerGroup>();
    if (r == kFirst) {
      block->add_conv("conv", std::make_shared<nn::EqualizedConv2d>("D.4.conv", c + 1, c, 3,
                                                                    nn::kReluGain, init_));
      block->add_dense("dense", std::make_shared<nn::EqualizedLinear>("D.4.dense", c * 16, c,
                                                                      nn::kReluGain, init_));
      block->add_dense("out", std::make_shared<nn::EqualizedLinear>("D.4.out", c, 1, 1.0, init_));
    } else {
      const std::int64_t below = shape_.channels_at(r / 2);
      block->add_conv("conv0", std::make_shared<nn::EqualizedConv2d>(layer_name("D", r, "conv0"), c,
                                                                     c, 3, nn::kReluGain, init_));
      block->add_conv("conv1", std::make_shared<nn::EqualizedConv2d>(
                                   layer_name("D", r, "conv1"), c, below, 3, nn::kReluGain, init_));
    }
    blocks_[r] = register_module(std::to_string(r), block);
    from_rgb_->add_conv(std::to_string(r),
                        std::make_shared<nn::EqualizedConv2d>("D.from_rgb." + std::to_string(r), 3,
                                                              c, 1, nn::kReluGain, init_));
    changed = true;
  }
  return changed;
}

torch::Tensor ProgressiveDiscriminator::from_rgb(const torch::Tensor& images,
                                                 std::int64_t resolution) const {
  return nn::leaky_relu(from_rgb_->convs.at(std::to_string(resolution))->forward(images));
}

torch::Tensor ProgressiveDiscriminator::forward(const torch::Tensor& images, const Growth& growth,
                                                std::int64_t group, const Tap& tap) const {
  torch::Tensor x = from_rgb(images, growth.resolution);
  note(tap, "from_rgb." + std::to_string(growth.resolution), x);
  for (std::int64_t r = growth.resolution; r > kFirst; r /= 2) {
    for (const char* conv : {"conv0", "conv1"})
      x = nn::leaky_relu(block(r).convs.at(conv)->forward(x));
    x = nn::downsample_mean(x);
    note(tap, std::to_string(r) + ".out", x);
    if (r == growth.resolution && growth.fading()) {
      x = nn::blend(from_rgb(nn::downsample_mean(images), r / 2), x, growth.alpha);
      note(tap, std::to_string(r) + ".blended", x);
    }
  }
  const LayerGroup& last = block(kFirst);
  const torch::Tensor stddev = nn::minibatch_stddev(x, group);
  note(tap, "4.minibatch_stddev", stddev);
  x = nn::leaky_relu(last.convs.at("conv")->forward(torch::cat({x, stddev}, 1)));
  x = nn::leaky_relu(last.denses.at("dense")->forward(x.flatten(1)));
  return last.denses.at("out")->forward(x).squeeze(1);
}

}  // namespace pgan::models
