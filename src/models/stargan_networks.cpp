#include "models/stargan_networks.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/error.h"

namespace pgan::models {
namespace {

constexpr double kLeakySlope = 0.01;

void expect_at_least(std::int64_t least, const char* what, std::int64_t found) {
  if (found >= least) return;
  throw ConfigError(std::string("StarGAN's ") + what + ": expected at least " +
                    std::to_string(least) + ", found " + std::to_string(found));
}

void expect_halvings(const char* network, std::int64_t resolution, std::int64_t halvings) {
  const std::int64_t factor = std::int64_t{1} << std::min<std::int64_t>(halvings, 62);
  if (resolution >= factor && resolution % factor == 0) return;
  throw ConfigError(std::string("StarGAN's ") + network + " halves pictures " +
                    std::to_string(halvings) + " times: expected a resolution divisible by " +
                    std::to_string(factor) + ", found " + std::to_string(resolution) +
                    " (--resolution, --discriminator-layers)");
}

/// Convolution kernels of the CPU are fastest with the channels of a pixel side by side.
torch::Tensor channels_last(const torch::Tensor& x) {
  return x.contiguous(torch::MemoryFormat::ChannelsLast);
}

/// The slopes are constants to autograd. Of torch's leaky_relu() the second derivative, which is
/// zero, would be carried back through the whole network as a tensor of zeros.
torch::Tensor leaky(const torch::Tensor& x) {
  const torch::Tensor slopes = torch::where(x.detach() > 0, torch::ones({}, x.options()),
                                            torch::full({}, kLeakySlope, x.options()));
  return x * slopes;
}

/// Builds a Sequence in the order of use, so that parameters are registered in it.
class Builder {
 public:
  Builder(std::string name, const nn::Init& init)
      : sequence(std::make_shared<nn::Sequence>()), name_(std::move(name)), init_(init) {}
  void conv(std::int64_t number, const nn::ConvolutionShape& shape) {
    sequence->add(number, std::make_shared<nn::Convolution>(name_ + "." + std::to_string(number),
                                                            shape, init_));
  }
  void norm(std::int64_t number, std::int64_t channels, bool relu = true) {
    sequence->add(number, std::make_shared<nn::InstanceNorm>(channels, relu, init_));
  }
  std::shared_ptr<nn::Sequence> sequence;

 private:
  std::string name_;
  nn::Init init_;
};

class ResidualBlock : public nn::Layer {
 public:
  ResidualBlock(const std::string& name, std::int64_t channels, const nn::Init& init) {
    const nn::ConvolutionShape shape{channels, channels, 3, 1, 1};
    Builder main(name + ".main", init);
    main.conv(0, shape);
    main.norm(1, channels);
    main.conv(3, shape);
    main.norm(4, channels, /*relu=*/false);
    main_ = register_module("main", main.sequence);
  }
  torch::Tensor forward(const torch::Tensor& x) const override { return x + main_->forward(x); }

 private:
  std::shared_ptr<nn::Sequence> main_;
};

}  // namespace

StarganGenerator::StarganGenerator(const StarganShape& shape, const nn::Init& init)
    : dtype_(init.dtype) {
  expect_at_least(1, "labels", shape.labels);
  expect_at_least(1, "generator width", shape.generator_width);
  expect_at_least(0, "residual blocks", shape.residual_blocks);
  expect_halvings("generator", shape.resolution, 2);
  const std::int64_t width = shape.generator_width;
  Builder main("G.main", init);
  main.conv(0, {3 + shape.labels, width, 7, 1, 3});
  main.norm(1, width);
  main.conv(3, {width, width * 2, 4, 2, 1});
  main.norm(4, width * 2);
  main.conv(6, {width * 2, width * 4, 4, 2, 1});
  main.norm(7, width * 4);
  std::int64_t number = 9;
  for (std::int64_t i = 0; i < shape.residual_blocks; ++i, ++number) {
    main.sequence->add(number, std::make_shared<ResidualBlock>("G.main." + std::to_string(number),
                                                               width * 4, init));
  }
  for (const std::int64_t out : {width * 2, width}) {
    main.conv(number, {out * 2, out, 4, 2, 1, /*bias=*/false, /*transposed=*/true});
    main.norm(number + 1, out);
    number += 3;
  }
  main.conv(number, {width, 3, 7, 1, 3});
  main_ = register_module("main", main.sequence);
}

torch::Tensor StarganGenerator::forward(const torch::Tensor& images,
                                        const torch::Tensor& labels) const {
  const torch::Tensor map =
      labels.to(images.scalar_type())
          .unsqueeze(2)
          .unsqueeze(3)
          .expand({-1, -1, images.size(2), images.size(3)});  // [N,labels,R,R]
  const torch::Tensor x = channels_last(torch::cat({images, map}, 1));
  return torch::tanh(main_->forward(x).to(dtype_));
}

StarganDiscriminator::StarganDiscriminator(const StarganShape& shape, const nn::Init& init)
    : dtype_(init.dtype) {
  expect_at_least(1, "head labels", shape.head_labels);
  expect_at_least(1, "discriminator width", shape.discriminator_width);
  expect_at_least(1, "discriminator layers", shape.discriminator_layers);
  expect_halvings("discriminator", shape.resolution, shape.discriminator_layers);
  Builder main("D.main", init);
  std::int64_t in = 3, out = shape.discriminator_width;
  for (std::int64_t i = 0; i < shape.discriminator_layers; ++i, in = out, out *= 2)
    main.conv(2 * i, {in, out, 4, 2, 1, /*bias=*/true});
  main_ = register_module("main", main.sequence);
  const std::int64_t side = shape.resolution >> shape.discriminator_layers;
  patch_head_ = register_module(
      "conv1",
      std::make_shared<nn::Convolution>("D.conv1", nn::ConvolutionShape{in, 1, 3, 1, 1}, init));
  label_head_ = register_module(
      "conv2", std::make_shared<nn::Convolution>(
                   "D.conv2", nn::ConvolutionShape{in, shape.head_labels, side}, init));
}

StarganDiscriminator::Output StarganDiscriminator::forward(const torch::Tensor& images) const {
  torch::Tensor x = channels_last(images);
  for (const auto& layer : main_->layers()) x = leaky(layer->forward(x));
  return {patch_head_->forward(x).to(dtype_), label_head_->forward(x).flatten(1).to(dtype_)};
}

}  // namespace pgan::models
