// pytorch_GAN_zoo's generator: its own pictures from its own weights, through our networks.
#include "models/gan_zoo.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <nlohmann/json.hpp>

#include "checkpoint/safetensors.h"
#include "core/error.h"
#include "golden.h"
#include "models/progressive_networks.h"

namespace pgan::models {
namespace {
namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string failure_of(TensorMap tensors) {
  try {
    from_gan_zoo(tensors);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

class GanZoo : public ::testing::Test {
 protected:
  void SetUp() override {
    const fs::path file = golden_folder() / "gan-zoo-generator-16.safetensors";
    if (!fs::exists(file))
      GTEST_SKIP() << "no golden values at " << file << "; set PGAN_TEST_GOLDEN";
    values_ = checkpoint::read_safetensors(file);
    for (const auto& [name, tensor] : values_) {
      if (name.starts_with("netG.")) theirs_[name.substr(5)] = tensor;
    }
  }
  TensorMap values_, theirs_;
};

TEST_F(GanZoo, ImportedNetworkMakesTheSamePictures) {
  const NamedNetwork network = from_gan_zoo(values_);
  const auto architecture = nlohmann::json::parse(network.architecture);
  EXPECT_EQ(architecture.at("resolution"), 16);
  EXPECT_TRUE(architecture.at("pixel_bias"));
  const ProgressiveShape shape{architecture.at("latent"), architecture.at("channels"), true};
  ProgressiveGenerator generator(shape, {0, torch::kFloat64, torch::kCPU});
  generator.grow(16);
  const torch::NoGradGuard no_grad;
  auto parameters = generator.named_parameters();
  ASSERT_EQ(parameters.size(), network.tensors.size());
  for (auto& item : parameters) item.value().copy_(network.tensors.at(item.key()));
  const auto largest = [&](const Growth& growth, const char* expected) {
    return (generator.forward(values_.at("z"), growth) - values_.at(expected))
        .abs()
        .max()
        .item<double>();
  };
  EXPECT_LT(largest({16, 1.0}, "image_grown"), 1e-9);
  EXPECT_LT(largest({16, 0.75}, "image_alpha_0.25"), 1e-9);  // theirs is the old picture's weight
}

TEST_F(GanZoo, ExportIsTheWayBack) {
  const TensorMap back = to_gan_zoo(from_gan_zoo(values_));
  ASSERT_EQ(back.size(), theirs_.size());
  for (const auto& [name, tensor] : theirs_) {
    ASSERT_TRUE(back.contains(name)) << name;
    EXPECT_TRUE(torch::allclose(back.at(name), tensor, 1e-12, 1e-12)) << name;
  }
}

TEST_F(GanZoo, NamesWithoutModuleAreTheirsToo) {
  TensorMap bare;
  for (const auto& [name, tensor] : theirs_) {
    std::string shorter = name;
    bare[shorter.erase(shorter.find(".module"), 7)] = tensor;
  }
  EXPECT_EQ(from_gan_zoo(bare).tensors.size(), theirs_.size());
}

TEST_F(GanZoo, WhatDoesNotFitIsNamed) {
  EXPECT_THAT(failure_of({{"w", torch::ones({1})}}), HasSubstr("neither a generator"));
  TensorMap tensors = theirs_;
  tensors.erase("scaleLayers.1.1.module.bias");
  EXPECT_THAT(failure_of(tensors), HasSubstr("no tensor scaleLayers.1.1.bias"));
  tensors = theirs_;
  tensors["scaleLayers.0.0.module.weight"] = torch::ones({3, 3, 3, 3});
  EXPECT_THAT(failure_of(tensors), HasSubstr("scaleLayers.0.0"));
  tensors = theirs_;
  tensors["extra.weight"] = torch::ones({3});
  EXPECT_THAT(failure_of(tensors), HasSubstr("not gan-zoo's: extra.weight"));
  tensors = theirs_;
  tensors["formatLayer.module.weight"] = torch::ones({3});
  EXPECT_THAT(failure_of(tensors), HasSubstr("formatLayer.weight"));
}

TEST(GanZooDiscriminator, OneTrainedWithoutMinibatchStddevGetsAChannelThatCountsForNothing) {
  const std::int64_t c = 5;
  const TensorMap theirs{{"fromRGBLayers.0.weight", torch::randn({c, 3, 1, 1})},
                         {"fromRGBLayers.0.bias", torch::randn({c})},
                         {"groupScaleZero.0.weight", torch::randn({c, c, 3, 3})},
                         {"groupScaleZero.0.bias", torch::randn({c})},
                         {"groupScaleZero.1.weight", torch::randn({c, c * 16})},
                         {"groupScaleZero.1.bias", torch::randn({c})},
                         {"decisionLayer.weight", torch::randn({1, c})},
                         {"decisionLayer.bias", torch::randn({1})}};
  const NamedNetwork network = from_gan_zoo(theirs);
  ProgressiveDiscriminator discriminator({16, {c}}, {0, torch::kFloat32, torch::kCPU});
  const torch::NoGradGuard no_grad;
  for (auto& item : discriminator.named_parameters())
    item.value().copy_(network.tensors.at(item.key()));
  const torch::Tensor images = torch::randn({4, 3, 4, 4});
  const auto layer = [&](const std::string& name, const torch::Tensor& x) {
    const torch::Tensor& w = theirs.at(name + ".weight");
    const double constant =
        std::sqrt(2.0 * static_cast<double>(w.size(0)) / static_cast<double>(w.numel()));
    const torch::Tensor y = w.dim() == 4
                                ? torch::conv2d(x, w, theirs.at(name + ".bias"), 1, w.size(2) / 2)
                                : torch::linear(x, w, theirs.at(name + ".bias"));
    return y * constant;
  };
  torch::Tensor x = torch::leaky_relu(layer("fromRGBLayers.0", images), 0.2);
  x = torch::leaky_relu(layer("groupScaleZero.0", x), 0.2).flatten(1);
  x = torch::leaky_relu(layer("groupScaleZero.1", x), 0.2);
  const torch::Tensor expected = layer("decisionLayer", x).squeeze(1);
  EXPECT_TRUE(torch::allclose(discriminator.forward(images, {4, 1.0}, 4), expected, 1e-4, 1e-5));
}

}  // namespace
}  // namespace pgan::models
