#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/error.h"
#include "core/rows.h"
#include "models/progressive_networks.h"
#include "models/recipe.h"
#include "models/wasserstein.h"
#include "nn/resample.h"

namespace pgan::models {
namespace {

std::int64_t count(const torch::nn::Module& module, const std::string& prefix = "") {
  std::int64_t total = 0;
  for (const auto& item : module.named_parameters()) {
    if (item.key().starts_with(prefix)) total += item.value().numel();
  }
  return total;
}

TEST(Progressive, ParameterCountsAt1024AreThePublishedOnes) {
  const ProgressiveShape shape{512, progressive_channels(8192, 512)};
  ProgressiveGenerator generator(shape, {});
  ProgressiveDiscriminator discriminator(shape, {});
  generator.grow(1024);
  discriminator.grow(1024);
  EXPECT_EQ(count(generator), 23079115);
  EXPECT_EQ(count(discriminator), 23087249);
  const std::pair<const char*, std::int64_t> blocks[] = {
      {"4.", 6554624},  {"8.", 4719616},  {"16.", 4719616}, {"32.", 4719616}, {"64.", 1769984},
      {"128.", 442624}, {"256.", 110720}, {"512.", 27712},  {"1024.", 6944},  {"to_rgb.", 7659}};
  for (const auto& [prefix, parameters] : blocks)
    EXPECT_EQ(count(generator, prefix), parameters) << prefix;
}

TEST(Progressive, AtAlphaZeroThePictureIsTheUpsampledOldOne) {
  const ProgressiveShape shape{8, {8, 8, 6, 4}};
  ProgressiveGenerator generator(shape, {3, torch::kFloat64, torch::kCPU});
  ProgressiveDiscriminator discriminator(shape, {3, torch::kFloat64, torch::kCPU});
  generator.grow(8);
  discriminator.grow(8);
  const torch::Tensor z = torch::randn({4, 8}, torch::kFloat64);
  const torch::Tensor old_picture = generator.forward(z, {8, 1.0});
  generator.grow(16);
  EXPECT_TRUE(torch::equal(generator.forward(z, {16, 0.0}), nn::upsample_nearest(old_picture)));
  discriminator.grow(16);
  const torch::Tensor images = torch::randn({4, 3, 16, 16}, torch::kFloat64);
  const torch::Tensor old_scores = discriminator.forward(nn::downsample_mean(images), {8, 1.0}, 4);
  EXPECT_TRUE(torch::allclose(discriminator.forward(images, {16, 0.0}, 4), old_scores, 0, 1e-13));
}

TEST(Progressive, EverySizeUpTo1024MakesPicturesOfThatSize) {
  const ProgressiveShape shape{8, progressive_channels(64, 8)};
  ProgressiveGenerator generator(shape, {});
  ProgressiveDiscriminator discriminator(shape, {});
  const torch::NoGradGuard no_grad;
  for (std::int64_t r = 4; r <= 1024; r *= 2) {
    generator.grow(r);
    discriminator.grow(r);
    for (const double alpha : {0.5, 1.0}) {
      const torch::Tensor picture = generator.forward(torch::randn({2, 8}), {r, alpha});
      EXPECT_EQ(picture.sizes(), (std::vector<std::int64_t>{2, 3, r, r}));
      EXPECT_EQ(discriminator.forward(picture, {r, alpha}, 2).sizes(),
                (std::vector<std::int64_t>{2}));
    }
  }
}

TEST(Progressive, NewLayersDoNotDependOnWhenTheyGrow) {
  const ProgressiveShape shape{8, {8, 8, 6, 4}};
  ProgressiveGenerator at_once(shape, {9}), in_steps(shape, {9});
  at_once.grow(32);
  for (const std::int64_t r : {8, 16, 32}) in_steps.grow(r);
  for (const auto& item : at_once.named_parameters()) {
    EXPECT_TRUE(torch::equal(item.value(), in_steps.named_parameters()[item.key()])) << item.key();
  }
}

/// The penalty's double backward against central differences of the loss itself.
TEST(Wasserstein, PenaltyGradientMatchesFiniteDifferences) {
  const Growth growth{8, 0.4};
  ProgressiveDiscriminator discriminator({4, {4, 3}}, {5, torch::kFloat64, torch::kCPU});
  discriminator.grow(8);
  torch::manual_seed(0);
  const torch::Tensor real = torch::randn({4, 3, 8, 8}, torch::kFloat64);
  const torch::Tensor fake = torch::randn({4, 3, 8, 8}, torch::kFloat64);
  const torch::Tensor mix = torch::rand({4, 1, 1, 1}, torch::kFloat64);
  const auto penalty = [&] {
    return critic_loss([&](const torch::Tensor& x) { return discriminator.forward(x, growth, 4); },
                       real, [&] { return fake; }, mix, {10, 2.0, 0})
        .gradient_penalty;
  };
  penalty().backward();
  for (auto& item : discriminator.named_parameters()) {
    const torch::Tensor gradient = item.value().grad();
    if (!gradient.defined()) continue;
    const std::int64_t at = item.value().numel() / 2;
    const double step = 1e-5;
    double side[2];
    for (const int sign : {0, 1}) {
      {
        const torch::NoGradGuard no_grad;
        item.value().view(-1)[at] += sign == 0 ? -step : 2 * step;
      }
      side[sign] = penalty().item<double>();
    }
    {
      const torch::NoGradGuard no_grad;
      item.value().view(-1)[at] -= step;
    }
    const double numeric = (side[1] - side[0]) / (2 * step);
    EXPECT_NEAR(gradient.view(-1)[at].item<double>(), numeric,
                1e-6 * std::max(1.0, std::abs(numeric)))
        << item.key();
  }
}

TEST(Recipes, AnUnknownModelNamesThoseThatExist) {
  try {
    find_recipe("progresive");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("progressive"), std::string::npos);
  }
}

TEST(Recipes, ProgressiveFreezesTheOtherNetworkNowhereItself) {
  const auto options = find_recipe("progressive").options();
  const auto recipe = options->make({1, 8, torch::kFloat32, torch::kCPU});
  EXPECT_EQ(recipe->phases().size(), 2u);
  EXPECT_EQ(recipe->averaged_sets(), std::vector<std::string>{"G"});
  EXPECT_FALSE(recipe->grow({4, 1.0}));
  EXPECT_TRUE(recipe->grow({8, 0.5}));
  EXPECT_FALSE(recipe->grow({8, 1.0}));
}

}  // namespace
}  // namespace pgan::models
