#include "models/classifier_network.h"

#include <algorithm>
#include <cmath>

namespace pgan::models {
namespace {

constexpr std::int64_t kGroups = 8, kLastSide = 4, kMostDoubled = 8;

/// First weights of variance 2 / fan_in (He et al. 2015), as suits ReLU: those of nn/plain.h, as
/// torch draws them, have a sixth of it.
std::shared_ptr<nn::Convolution> convolution(const std::string& name,
                                             const nn::ConvolutionShape& shape,
                                             const nn::Init& init) {
  auto layer = std::make_shared<nn::Convolution>(name, shape, init);
  const torch::NoGradGuard no_grad;
  layer->weight.mul_(std::sqrt(6.0));
  return layer;
}

}  // namespace

/// Group normalisation and ReLU.
class ClassifierNetwork::Norm : public torch::nn::Module {
 public:
  Norm(std::int64_t channels, const nn::Init& init) {
    const auto options = torch::TensorOptions(init.dtype).device(init.device);
    weight_ = register_parameter("weight", torch::ones({channels}, options));
    bias_ = register_parameter("bias", torch::zeros({channels}, options));
  }
  torch::Tensor forward(const torch::Tensor& x) const {
    return torch::relu(torch::group_norm(x, kGroups, weight_, bias_, 1e-5, false));
  }

 private:
  torch::Tensor weight_, bias_;
};

/// x -> shortcut(x) + conv(norm(conv(norm(x)))), of half the size.
class ClassifierNetwork::Block : public torch::nn::Module {
 public:
  Block(const std::string& name, std::int64_t in, std::int64_t out, const nn::Init& init) {
    norm_0_ = register_module("norm_0", std::make_shared<Norm>(in, init));
    conv_0_ = register_module("conv_0", convolution(name + ".conv_0", {in, out, 3, 2, 1}, init));
    norm_1_ = register_module("norm_1", std::make_shared<Norm>(out, init));
    conv_1_ = register_module("conv_1", convolution(name + ".conv_1", {out, out, 3, 1, 1}, init));
    const nn::ConvolutionShape projection{in, out, 1};
    shortcut_ = register_module(
        "shortcut", std::make_shared<nn::Convolution>(name + ".shortcut", projection, init));
  }
  torch::Tensor forward(const torch::Tensor& x) const {
    const torch::Tensor inner = conv_0_->forward(norm_0_->forward(x));
    return shortcut_->forward(torch::avg_pool2d(x, 2)) + conv_1_->forward(norm_1_->forward(inner));
  }

 private:
  std::shared_ptr<Norm> norm_0_, norm_1_;
  std::shared_ptr<nn::Convolution> conv_0_, conv_1_, shortcut_;
};

ClassifierNetwork::ClassifierNetwork(const ClassifierShape& shape, const nn::Init& init) {
  first_ = register_module("first", convolution("C.first", {3, shape.width, 3, 2, 1}, init));
  std::int64_t channels = shape.width;
  for (std::int64_t side = shape.resolution / 2; side > kLastSide; side /= 2) {
    const std::int64_t out = std::min(2 * channels, kMostDoubled * shape.width);
    const std::string name = "block_" + std::to_string(blocks_.size());
    blocks_.push_back(
        register_module(name, std::make_shared<Block>("C." + name, channels, out, init)));
    channels = out;
  }
  norm_ = register_module("norm", std::make_shared<Norm>(channels, init));
  const nn::ConvolutionShape head{channels, shape.labels, 1, 1, 0, true};
  head_ = register_module("head", std::make_shared<nn::Convolution>("C.head", head, init));
}

torch::Tensor ClassifierNetwork::forward(const torch::Tensor& images) const {
  torch::Tensor x = first_->forward(images.contiguous(torch::MemoryFormat::ChannelsLast));
  for (const auto& block : blocks_) x = block->forward(x);
  return head_->forward(norm_->forward(x).mean({2, 3}, true)).flatten(1);
}

}  // namespace pgan::models
