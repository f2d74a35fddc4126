#include "models/stargan_networks.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "checkpoint/safetensors.h"
#include "core/error.h"
#include "core/noise.h"
#include "core/types.h"
#include "golden.h"
#include "models/wasserstein.h"

namespace pgan::models {
namespace {
namespace fs = std::filesystem;

constexpr StarganShape kGoldenShape{64, 5, 5, 8, 8, 2, 4};

std::int64_t parameters_of(const torch::nn::Module& network) {
  std::int64_t count = 0;
  for (const torch::Tensor& parameter : network.parameters()) count += parameter.numel();
  return count;
}

std::vector<std::string> names_of(const torch::nn::Module& network) {
  return network.named_parameters().keys();
}

torch::Tensor label_loss(const torch::Tensor& logits, const torch::Tensor& labels) {
  return torch::binary_cross_entropy_with_logits(logits, labels, {}, {}, at::Reduction::Sum) /
         logits.size(0);
}

struct Case {
  torch::Dtype dtype;
  double tolerance;
};

/// Outputs, losses and gradients against values computed by other code in float64.
class StarganGolden : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const fs::path file = golden_folder() / "stargan-64.safetensors";
    if (!fs::exists(file))
      GTEST_SKIP() << "no golden values at " << file << "; set PGAN_TEST_GOLDEN";
    values_ = checkpoint::read_safetensors(file);
    for (auto& [name, value] : values_) value = value.to(GetParam().dtype);
  }

  const torch::Tensor& value(const std::string& name) {
    const auto found = values_.find(name);
    if (found == values_.end()) throw std::runtime_error("golden file lacks " + name);
    return found->second;
  }

  void expect_equal(const std::string& name, const torch::Tensor& actual) {
    const torch::Tensor& expected = value(name);
    ASSERT_EQ(expected.numel(), actual.numel()) << name;
    const double scale = expected.abs().max().item<double>();
    const torch::Tensor difference = actual.detach().reshape(expected.sizes()) - expected;
    EXPECT_LT(difference.abs().max().item<double>() / scale, GetParam().tolerance) << name;
    ++compared_;
  }

  void load(torch::nn::Module& network, const std::string& prefix) {
    const torch::NoGradGuard no_grad;
    for (auto& item : network.named_parameters())
      item.value().copy_(value(prefix + "." + item.key()));
  }

  void expect_gradients(const torch::nn::Module& network, const std::string& prefix) {
    for (const auto& item : network.named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << prefix << "." << item.key();
      expect_equal("grad." + prefix + "." + item.key(), item.value().grad());
    }
  }

  std::size_t count_of(const std::string& prefix) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        values_, [&](const auto& item) { return item.first.starts_with(prefix); }));
  }

  TensorMap values_;
  std::size_t compared_ = 0;
};

TEST_P(StarganGolden, OutputsLossesAndGradients) {
  const nn::Init init{0, GetParam().dtype, torch::kCPU};
  StarganGenerator generator(kGoldenShape, init);
  StarganDiscriminator discriminator(kGoldenShape, init);
  ASSERT_EQ(names_of(generator).size(), count_of("G."));
  ASSERT_EQ(names_of(discriminator).size(), count_of("D."));
  load(generator, "G");
  load(discriminator, "D");
  const torch::Tensor x = value("x"), labels = value("labels"), targets = value("targets");

  const torch::Tensor fake = generator.forward(x, targets);
  expect_equal("fake", fake);
  const auto real = discriminator.forward(x);
  expect_equal("d_real_patch", real.patches);
  expect_equal("d_real_labels", real.labels);
  expect_equal("d_fake_patch", discriminator.forward(fake.detach()).patches);
  const torch::Tensor mixed = value("mix") * x + (1 - value("mix")) * fake.detach();
  expect_equal("d_mixed_patch", discriminator.forward(mixed).patches);

  // The penalty's gradient is that of the sum of the patch map, not of its mean.
  const auto critic = [&](const torch::Tensor& images) {
    return discriminator.forward(images).patches;
  };
  WassersteinSettings settings;
  settings.drift = 0;
  const CriticLoss loss = critic_loss(
      critic, x, [&] { return fake.detach(); }, value("mix"), settings);
  expect_equal("gradient_penalty", loss.gradient_penalty);
  const torch::Tensor loss_d_cls = label_loss(real.labels, labels);
  expect_equal("loss_d_cls", loss_d_cls);
  const torch::Tensor loss_d = loss.total + loss_d_cls;
  expect_equal("loss_d", loss_d);
  loss_d.backward();
  expect_gradients(discriminator, "D");

  const auto judged = discriminator.forward(fake);
  const torch::Tensor loss_g_cls = label_loss(judged.labels, targets);
  const torch::Tensor reconstruction = generator.forward(fake, labels);
  // In fp32 one pixel's error is smaller than its rounding: |x| with the sign it has in fp64, whose
  // flip alone would change gradients by a percent (in any program: torch's own layers show it
  // too).
  const torch::Tensor sign = (value("x") - value("reconstruction")).sign();
  const torch::Tensor loss_g_rec = ((x - reconstruction) * sign).mean();
  const torch::Tensor loss_g = -judged.patches.mean() + loss_g_cls + 10 * loss_g_rec;
  expect_equal("reconstruction", reconstruction);
  expect_equal("loss_g_cls", loss_g_cls);
  expect_equal("loss_g_rec", loss_g_rec);
  expect_equal("loss_g", loss_g);
  loss_g.backward();
  expect_gradients(generator, "G");
  EXPECT_EQ(compared_, count_of("grad.") + 12);
}

INSTANTIATE_TEST_SUITE_P(Stargan, StarganGolden,
                         ::testing::Values(Case{torch::kFloat64, 1e-9},
                                           Case{torch::kFloat32, 1e-4}),
                         [](const auto& param_info) {
                           return param_info.param.dtype == torch::kFloat64 ? "fp64" : "fp32";
                         });

TEST(StarganNetworks, ParameterCountsAreThePublishedOnes) {
  const nn::Init nowhere{0, torch::kFloat32, torch::kCPU};
  EXPECT_EQ(parameters_of(StarganGenerator({128, 5, 5}, nowhere)), 8'430'528);
  EXPECT_EQ(parameters_of(StarganGenerator({128, 15, 13}, nowhere)), 8'461'888);
  EXPECT_EQ(parameters_of(StarganDiscriminator({128, 5, 5}, nowhere)), 44'762'048);
  EXPECT_EQ(parameters_of(StarganDiscriminator({256, 5, 5}, nowhere)), 44'884'928);
  EXPECT_EQ(parameters_of(StarganDiscriminator({256, 15, 13}, nowhere)), 45'147'072);
}

TEST(StarganNetworks, ParametersAreNamedAsPublishedAndInTheOrderOfUse) {
  const StarganGenerator generator(kGoldenShape, {});
  const std::vector<std::string> expected{
      "main.0.weight",         "main.1.weight",         "main.1.bias",
      "main.3.weight",         "main.4.weight",         "main.4.bias",
      "main.6.weight",         "main.7.weight",         "main.7.bias",
      "main.9.main.0.weight",  "main.9.main.1.weight",  "main.9.main.1.bias",
      "main.9.main.3.weight",  "main.9.main.4.weight",  "main.9.main.4.bias",
      "main.10.main.0.weight", "main.10.main.1.weight", "main.10.main.1.bias",
      "main.10.main.3.weight", "main.10.main.4.weight", "main.10.main.4.bias",
      "main.11.weight",        "main.12.weight",        "main.12.bias",
      "main.14.weight",        "main.15.weight",        "main.15.bias",
      "main.17.weight"};
  EXPECT_EQ(names_of(generator), expected);
  EXPECT_TRUE(generator.named_buffers().is_empty());
  const std::vector<std::string> critic{
      "main.0.weight", "main.0.bias",   "main.2.weight", "main.2.bias",  "main.4.weight",
      "main.4.bias",   "main.6.weight", "main.6.bias",   "conv1.weight", "conv2.weight"};
  EXPECT_EQ(names_of(StarganDiscriminator(kGoldenShape, {})), critic);
}

TEST(StarganNetworks, FirstWeightsDependOnTheSeedAndTheLayerAlone) {
  const nn::Init init{3, torch::kFloat32, torch::kCPU};
  const StarganDiscriminator critic_first(kGoldenShape, init);
  const StarganGenerator second(kGoldenShape, init);
  StarganShape deeper = kGoldenShape;
  deeper.residual_blocks = 1;
  const StarganGenerator first(deeper, init);
  const StarganDiscriminator critic_second(kGoldenShape, init);
  const auto a = first.named_parameters(), b = second.named_parameters();
  for (const char* name : {"main.0.weight", "main.9.main.3.weight"})
    EXPECT_TRUE(torch::equal(a[name], b[name])) << name;
  const auto c = critic_first.named_parameters(), d = critic_second.named_parameters();
  for (const auto& item : c) EXPECT_TRUE(torch::equal(item.value(), d[item.key()])) << item.key();
  const StarganGenerator other(kGoldenShape, {4, torch::kFloat32, torch::kCPU});
  EXPECT_FALSE(torch::equal(other.named_parameters()["main.0.weight"], b["main.0.weight"]));
  EXPECT_FALSE(torch::equal(b["main.9.main.0.weight"], b["main.9.main.3.weight"]));
}

TEST(StarganNetworks, FirstWeightsFillTheIntervalOfTorchsDefaults) {
  const nn::Init init{3, torch::kFloat64, torch::kCPU};
  const StarganGenerator generator(kGoldenShape, init);
  const StarganDiscriminator discriminator(kGoldenShape, init);
  const auto expect_bound = [](const torch::Tensor& values, double fan_in) {
    const double bound = 1 / std::sqrt(fan_in);
    EXPECT_LE(values.abs().max().item<double>(), bound);
    EXPECT_GT(values.abs().max().item<double>(), 0.7 * bound);
    EXPECT_LT(values.min().item<double>(), 0);
  };
  const auto g = generator.named_parameters(), d = discriminator.named_parameters();
  expect_bound(g["main.0.weight"], 8 * 49);
  expect_bound(g["main.11.weight"], 16 * 16);  // transposed: [32,16,4,4]
  expect_bound(d["main.0.bias"], 3 * 16);
  expect_bound(d["conv2.weight"], 64 * 16);
  EXPECT_TRUE(torch::equal(g["main.1.weight"], torch::ones({8}, torch::kFloat64)));
  EXPECT_TRUE(torch::equal(g["main.1.bias"], torch::zeros({8}, torch::kFloat64)));
}

double apart(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

/// Gradients of both losses' kinds, with the penalty's second derivative.
struct Results {
  torch::Tensor fake, patches, labels, penalty, generator_gradient, deep_gradient,
      discriminator_gradient;
};

Results results_in(std::optional<torch::Dtype> compute) {
  const nn::Init init{5, torch::kFloat32, torch::kCPU, compute};
  StarganGenerator generator(kGoldenShape, init);
  StarganDiscriminator discriminator(kGoldenShape, init);
  const torch::Tensor x = named_uniform(5, "x", {2, 3, 64, 64}).to(torch::kFloat32) * 2 - 1;
  const torch::Tensor labels = torch::eye(5).slice(0, 1, 3);
  const torch::Tensor fake = generator.forward(x, labels);
  (fake * x).mean().backward();
  const auto critic = [&](const torch::Tensor& images) {
    return discriminator.forward(images).patches;
  };
  const torch::Tensor mix = torch::full({2, 1, 1, 1}, 0.5);
  const CriticLoss loss = critic_loss(critic, x, [&] { return fake.detach(); }, mix, {});
  loss.total.backward();
  const auto output = discriminator.forward(x);
  return {fake.detach(),
          output.patches.detach(),
          output.labels.detach(),
          loss.gradient_penalty.detach(),
          generator.named_parameters()["main.17.weight"].grad(),
          generator.named_parameters()["main.3.weight"].grad(),
          discriminator.named_parameters()["main.2.weight"].grad()};
}

TEST(StarganNetworks, Bfloat16IsCloseToFloat32) {
  const Results exact = results_in(std::nullopt), coarse = results_in(torch::kBFloat16);
  for (const auto& [name, member] : std::map<std::string, torch::Tensor Results::*>{
           {"fake", &Results::fake},
           {"patches", &Results::patches},
           {"labels", &Results::labels},
           {"penalty", &Results::penalty},
           {"generator's gradient", &Results::generator_gradient},
           {"generator's first gradients", &Results::deep_gradient},
           {"discriminator's gradient", &Results::discriminator_gradient}}) {
    EXPECT_EQ((coarse.*member).scalar_type(), torch::kFloat32) << name;
    // Roundings open and close ReLUs: behind many of them a gradient keeps its direction only.
    const double most = member == &Results::deep_gradient ? 0.3 : 0.05;
    EXPECT_LT(apart(coarse.*member, exact.*member), most) << name;
    EXPECT_GT(apart(coarse.*member, exact.*member), 0) << name;
  }
}

TEST(StarganNetworks, ShapesWithoutNetworkAreRefused) {
  const auto message = [](auto make) -> std::string {
    try {
      make();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message([] {
              StarganGenerator({64, 0, 5}, {});
            }),
            "StarGAN's labels: expected at least 1, found 0");
  EXPECT_EQ(message([] {
              StarganDiscriminator({64, 5, 0}, {});
            }),
            "StarGAN's head labels: expected at least 1, found 0");
  EXPECT_EQ(message([] {
              StarganGenerator({66, 5, 5}, {});
            }),
            "StarGAN's generator halves pictures 2 times: expected a resolution divisible by 4, "
            "found 66 (--resolution, --discriminator-layers)");
  EXPECT_EQ(message([] {
              StarganDiscriminator({32, 5, 5}, {});
            }),
            "StarGAN's discriminator halves pictures 6 times: expected a resolution divisible by "
            "64, found 32 (--resolution, --discriminator-layers)");
}

}  // namespace
}  // namespace pgan::models
