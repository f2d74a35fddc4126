// The attribute classifier: first weights, balanced weights, what it measures.
#include "models/classifier.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/error.h"
#include "core/option_set.h"
#include "models/classifier_network.h"

namespace pgan::models {
namespace {

std::vector<DataFacts> faces() {
  return {{"faces",
           {{"Male", 0.4, 0, 1, true}, {"Smiling", 0.02, 0, 1, true}, {"Young", 0.75, 0, 1, true}},
           false}};
}

std::unique_ptr<Recipe> make(const OptionValues& values, std::int64_t resolution = 16,
                             std::uint64_t seed = 1) {
  const auto options = classifier_options();
  OptionSet([&](OptionVisitor& visitor) { options->visit(visitor); }).assign(values);
  options->validate();
  return options->make({.seed = seed, .resolution = resolution, .data = faces()});
}

class NoStep : public Step {
 public:
  void ready(std::string_view) override {}
  void backward(const torch::Tensor&) override {}
};

Batch batch_of(const torch::Tensor& images, const torch::Tensor& labels,
               std::vector<std::int64_t> rows, std::int64_t global) {
  Batch batch;
  batch.data["images"] = images;
  batch.labels = batch.global_labels = labels;
  batch.rows = {std::move(rows), global};
  return batch;
}

TEST(Classifier, WeightsBalanceTheValuesUpToALimit) {
  const LabelSets labels({{"Male,Smiling,Young"}, {}, {}}, faces());
  const torch::Tensor weights = balancing_weights(labels);
  const torch::Tensor expected =
      torch::tensor({{0.5 / 0.6, 0.5 / 0.98, 2.0}, {1.25, 8.0, 0.5 / 0.75}}, torch::kFloat32);
  EXPECT_TRUE(torch::allclose(weights, expected)) << weights;
}

TEST(Classifier, FirstWeightsAreOfTheSeedAndOfTheSizeThatSuitsReLU) {
  const ClassifierShape shape{64, 3, 32};
  const ClassifierNetwork network(shape, {1}), same(shape, {1}), other(shape, {2});
  const auto weights = network.named_parameters();
  for (const auto& item : weights)
    EXPECT_TRUE(torch::equal(item.value(), same.named_parameters()[item.key()])) << item.key();
  const torch::Tensor first = weights["block_1.conv_1.weight"];  // 128 channels of 3x3
  EXPECT_FALSE(torch::equal(first, other.named_parameters()["block_1.conv_1.weight"]));
  EXPECT_EQ(first.sizes(), torch::IntArrayRef({128, 128, 3, 3}));
  EXPECT_NEAR(first.var().item<double>(), 2.0 / (128 * 9), 0.02 * 2.0 / (128 * 9));
}

TEST(Classifier, NarrowsDownToFourPixelsFromAnySize) {
  const torch::NoGradGuard no_grad;
  for (const std::int64_t side : {8, 16, 32, 128}) {
    const ClassifierNetwork network({side, 3, 8}, {1});
    EXPECT_EQ(network.forward(torch::rand({2, 3, side, side})).sizes(), torch::IntArrayRef({2, 3}));
  }
  EXPECT_THROW(make({}, 4), ConfigError);
  EXPECT_THROW(make({}, 48), ConfigError);
  EXPECT_THROW(make({{"classifier-width", "20"}}), ConfigError);
}

TEST(Classifier, RowsAreTrainedOnAsTheyWouldBeOnOtherRanks) {
  const auto recipe = make({{"classifier-width", "8"}});
  torch::manual_seed(1);
  const torch::Tensor images = torch::rand({4, 3, 16, 16}) * 2 - 1;
  const torch::Tensor labels = torch::randint(0, 2, {4, 3}).to(torch::kFloat32);
  NoStep step;
  const auto loss_of = [&](const std::vector<std::int64_t>& rows) {
    const torch::Tensor index = torch::tensor(rows, torch::kInt64);
    Noise noise(7, 3, "C", {rows, 4});
    return recipe
        ->loss({"C", {"C"}}, batch_of(images.index({index}), labels.index({index}), rows, 4),
               {16, 1.0}, noise, step)
        .total.item<double>();
  };
  EXPECT_NEAR(loss_of({0, 1, 2, 3}), (loss_of({0, 2}) + loss_of({1, 3})) / 2, 1e-5);
  EXPECT_NE(loss_of({0}), loss_of({1}));
}

TEST(Classifier, UnbalancedItLearnsByThePlainCrossEntropy) {
  const torch::Tensor images = torch::zeros({2, 3, 16, 16});
  const torch::Tensor labels = torch::tensor({{1.F, 1.F, 0.F}, {0.F, 0.F, 1.F}});
  NoStep step;
  const auto loss_of = [&](const char* balanced) {
    const auto recipe = make({{"classifier-width", "8"}, {"balanced", balanced}});
    const torch::NoGradGuard no_grad;
    for (auto& item : recipe->networks().at("C")->named_parameters())
      if (item.key().starts_with("head")) item.value().zero_();  // all logits 0
    Noise noise(7, 3, "C", {{0, 1}, 2});
    return recipe->loss({"C", {"C"}}, batch_of(images, labels, {0, 1}, 2), {16, 1.0}, noise, step)
        .total.item<double>();
  };
  EXPECT_NEAR(loss_of("false"), 3 * std::log(2.0), 1e-5);
  const double weights = (1.25 + 8 + 2 + 0.5 / 0.6 + 0.5 / 0.98 + 0.5 / 0.75) / 2;
  EXPECT_NEAR(loss_of("true"), weights * std::log(2.0), 1e-4);
}

TEST(Classifier, MeasuresErrorsOfEachAttributeOnHeldOutPictures) {
  const auto recipe = make({{"classifier-width", "8"}, {"attributes", "Young,Male"}});
  for (auto& item : recipe->networks().at("C")->named_parameters()) {
    const torch::NoGradGuard no_grad;
    if (item.key() == "head.weight") item.value().zero_();
    if (item.key() == "head.bias") item.value().copy_(torch::tensor({1.F, -1.F}));
  }
  const torch::Tensor labels = torch::tensor({{0.F, 0.F, 1.F}, {1.F, 0.F, 1.F}, {1.F, 0.F, 0.F}});
  Noise noise(1, 0, "metrics", {{0, 1, 2}, 3});
  const TensorMap found = recipe->evaluate(
      batch_of(torch::zeros({3, 3, 16, 16}), labels, {0, 1, 2}, 3), {16, 1.0}, noise);
  ASSERT_EQ(found.size(), 3U);  // it says Young, not Male, of every picture
  EXPECT_TRUE(torch::equal(found.at("held_out_error_Young"), torch::tensor({0.F, 0.F, 1.F})));
  EXPECT_TRUE(torch::equal(found.at("held_out_error_Male"), torch::tensor({0.F, 1.F, 1.F})));
  EXPECT_TRUE(torch::equal(found.at("held_out_label_error"), torch::tensor({0.F, 0.5F, 1.F})));
}

TEST(Classifier, IsRebuiltFromWhatItSaysOfItself) {
  const auto recipe = make({{"classifier-width", "16"}, {"attributes", "Young,Male"}});
  const auto options = classifier_options();
  const auto values = options->values_from(recipe->architecture());
  EXPECT_EQ(values.at("classifier-width"), "16");
  EXPECT_EQ(values.at("attributes"), "Young,Male");
  EXPECT_THROW(options->values_from(R"({"model": "stargan"})"), ConfigError);
  EXPECT_THROW(options->values_from("nonsense"), ConfigError);
  EXPECT_EQ(recipe->classifier()->recogniser(), "C");
  EXPECT_EQ(recipe->translator(), nullptr);
}

}  // namespace
}  // namespace pgan::models
