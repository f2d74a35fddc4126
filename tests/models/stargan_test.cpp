// The recipe's losses and measures, against golden values and by hand.
#include "models/stargan.h"

#include <filesystem>
#include <set>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "checkpoint/safetensors.h"
#include "core/noise.h"
#include "core/option_set.h"
#include "golden.h"

namespace pgan::models {
namespace {

DataFacts five_labels() {
  DataFacts facts{"golden", {}, false};
  for (const char* name : {"Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"})
    facts.labels.push_back({name, 0.5, 0, 1, true});
  return facts;
}

std::unique_ptr<Recipe> recipe_with(std::map<std::string, std::string> values,
                                    std::int64_t resolution, std::vector<DataFacts> data) {
  const auto options = stargan_options();
  OptionSet([&](OptionVisitor& visitor) { options->visit(visitor); }).assign(values);
  ModelContext context;
  context.resolution = resolution;
  context.dtype = torch::kFloat64;
  context.data = std::move(data);
  return options->make(context);
}

/// Keeps what a loss hands over early, and which sets it asked for.
class Collected : public Step {
 public:
  void ready(std::string_view set) override { asked.insert(std::string(set)); }
  void backward(const torch::Tensor& term) override {
    early = early + term.detach();
    term.backward();
  }
  std::set<std::string> asked;
  torch::Tensor early = torch::zeros({}, torch::kFloat64);
};

class StarganLosses : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::filesystem::path file = golden_folder() / "stargan-64.safetensors";
    if (!std::filesystem::exists(file))
      GTEST_SKIP() << "no golden values at " << file << "; set PGAN_TEST_GOLDEN";
    values_ = checkpoint::read_safetensors(file);
    batch_.data["images"] = values_.at("x");
    batch_.labels = values_.at("labels");
    batch_.rows = {{0, 1, 2, 3}, 4};
  }

  std::unique_ptr<Recipe> golden_recipe(const std::string& penalty) {
    auto recipe = recipe_with({{"generator-width", "8"},
                               {"discriminator-width", "8"},
                               {"residual-blocks", "2"},
                               {"discriminator-layers", "4"},
                               {"gp-weight", penalty}},
                              64, {five_labels()});
    const torch::NoGradGuard no_grad;
    for (auto& [set, parameters] : recipe->parameter_sets()) {
      for (auto& [name, parameter] : parameters) parameter.copy_(values_.at(set + "." + name));
    }
    return recipe;
  }

  Noise noise(const std::string& phase) { return Noise(1, 0, phase, batch_.rows, torch::kFloat64); }

  /// Labels of the whole minibatch in such an order that the phase's permutation makes the golden
  /// targets of them.
  void arrange_targets(const std::string& phase) {
    batch_.global_labels = torch::empty_like(values_.at("targets"));
    batch_.global_labels.index_copy_(0, noise(phase).permutation(), values_.at("targets"));
  }

  double golden(const std::string& name) { return values_.at(name).item<double>(); }

  TensorMap values_;
  Batch batch_;
};

TEST_F(StarganLosses, OfTheGeneratorAreTheGoldenOnesWithTheirGradients) {
  const auto recipe = golden_recipe("10");
  arrange_targets("G");
  const auto sets = recipe->parameter_sets();
  for (const auto& [name, parameter] : sets.at("D")) parameter.requires_grad_(false);
  Noise draws = noise("G");
  Collected step;
  const LossTerms loss = recipe->loss({"G", {"G"}}, batch_, {64, 1.0}, draws, step);
  EXPECT_NEAR(loss.total.item<double>(), golden("loss_g"), 1e-9 * std::abs(golden("loss_g")));
  EXPECT_NEAR(loss.parts.at("label_loss_fake").item<double>(), golden("loss_g_cls"), 1e-9);
  EXPECT_NEAR(loss.parts.at("reconstruction_l1").item<double>(), golden("loss_g_rec"), 1e-9);
  loss.total.backward();
  for (const auto& [name, parameter] : sets.at("G")) {
    const torch::Tensor& expected = values_.at("grad.G." + name);
    const double scale = expected.abs().max().item<double>();
    EXPECT_LT((parameter.grad() - expected).abs().max().item<double>(), 1e-8 * scale) << name;
  }
  EXPECT_EQ(step.asked, (std::set<std::string>{"D", "G"}));
}

/// The golden penalty is at other mixtures than the recipe draws, so it is left out on both sides.
TEST_F(StarganLosses, OfTheCriticAreTheGoldenOnes) {
  const auto recipe = golden_recipe("0");
  arrange_targets("D");
  Noise draws = noise("D");
  Collected step;
  const LossTerms loss = recipe->loss({"D", {"D"}}, batch_, {64, 1.0}, draws, step);
  const double expected = golden("loss_d") - 10 * golden("gradient_penalty");
  EXPECT_NEAR((loss.total + step.early).item<double>(), expected, 1e-9);
  EXPECT_NEAR(loss.parts.at("loss_d").item<double>(), expected, 1e-9);
  EXPECT_NEAR(loss.parts.at("label_loss_real").item<double>(), golden("loss_d_cls"), 1e-9);
  EXPECT_EQ(step.asked, (std::set<std::string>{"D", "G"}));
}

TEST_F(StarganLosses, ThePenaltyHasItsWeight) {
  std::map<std::string, double> totals;
  for (const char* weight : {"0", "1", "10"}) {
    const auto recipe = golden_recipe(weight);
    arrange_targets("D");
    Noise draws = noise("D");
    Collected step;
    totals[weight] = recipe->loss({"D", {"D"}}, batch_, {64, 1.0}, draws, step)
                         .parts.at("loss_d")
                         .item<double>();
  }
  EXPECT_GT(totals.at("1"), totals.at("0") + 0.1);
  EXPECT_NEAR(totals.at("10") - totals.at("0"), 10 * (totals.at("1") - totals.at("0")), 1e-9);
}

TEST(Stargan, UpdatesTheGeneratorInTheLastOfFiveRounds) {
  const auto recipe = recipe_with({}, 64, {five_labels()});
  EXPECT_EQ(recipe->phases().at(0).interval, 1);
  EXPECT_EQ(recipe->phases().at(1).name, "G");
  EXPECT_EQ(recipe->phases().at(1).interval, 5);
  EXPECT_EQ(recipe->adam().beta1, 0.5);
  EXPECT_EQ(recipe->adam().beta2, 0.999);
  EXPECT_TRUE(recipe->parameter_sets().at("D").front().first.starts_with("conv2."));
}

/// Of the untrained network: whatever it says, a translated label counts as one that was changed.
TEST(Stargan, SamplesBeginWithTheInputsAndHaveAColumnAnAttribute) {
  const auto recipe = recipe_with(
      {{"generator-width", "4"}, {"discriminator-width", "4"}, {"discriminator-layers", "3"}}, 16,
      {five_labels()});
  Batch reals;
  reals.rows = {{0, 1, 2}, 3};
  reals.data["images"] = torch::rand({3, 3, 16, 16}, torch::kFloat64) * 2 - 1;
  reals.labels = torch::tensor({{1., 0., 0., 1., 0.}, {0., 1., 0., 0., 1.}, {0., 0., 0., 1., 1.}},
                               torch::kFloat64);
  Noise draws(1, 0, "preview", reals.rows, torch::kFloat64);
  const TensorMap inputs = recipe->sample_inputs(draws, reals);
  const torch::Tensor samples = recipe->sample(inputs, {16, 1.0}).view({3, 6, 3, 16, 16});
  EXPECT_TRUE(samples.select(1, 0).equal(reals.data.at("images")));
  // Of the first picture the first hair colour is its own already: its own labels are asked for.
  const torch::Tensor own = recipe->translator()->translate(
      reals.data.at("images").slice(0, 0, 1),
      recipe->translator()->labels().select(reals.labels.slice(0, 0, 1), 0));
  EXPECT_TRUE(samples[0][1].allclose(own[0]));
  EXPECT_FALSE(samples[0][2].allclose(own[0]));
  EXPECT_EQ(recipe->sample_layout().headings.front(), "Input");
}

}  // namespace
}  // namespace pgan::models
