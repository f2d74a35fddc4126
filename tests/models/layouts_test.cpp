// The table of other programs' layouts, and yunjey/stargan's in it.
#include "models/layouts.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/option_set.h"
#include "models/recipe.h"

namespace pgan::models {
namespace {
using ::testing::HasSubstr;

constexpr const char* kNames = "Black_Hair,Blond_Hair,Male";

std::unique_ptr<Recipe> small_stargan(const std::string& architecture = "") {
  const auto options = find_recipe("stargan").options();
  OptionValues values{{"attributes", kNames},
                      {"generator-width", "3"},
                      {"discriminator-width", "5"},
                      {"residual-blocks", "2"},
                      {"discriminator-layers", "3"}};
  if (!architecture.empty()) {
    const auto found = options->values_from(architecture);
    values = {found.begin(), found.end()};
  }
  OptionSet([&](OptionVisitor& v) { options->visit(v); }).assign(values);
  return options->make({3, 32, torch::kFloat32, torch::kCPU});
}

ExportedNetworks exported(Recipe& recipe, const std::string& network) {
  auto json = nlohmann::json::parse(recipe.architecture());
  json["recipe"] = "stargan";
  json["resolution"] = 32;
  json["alpha"] = 1.0;
  ExportedNetworks networks{network, json.dump(), 7, {}};
  for (const auto& item : recipe.networks().at(network.substr(0, 1))->named_parameters())
    networks.tensors[item.key()] = item.value().detach();
  return networks;
}

/// As convert_stargan.py writes it.
ForeignFile published(Recipe& recipe) {
  ForeignFile file{{}, {{"format", "stargan"}, {"attributes", kNames}, {"resolution", "32"}}};
  for (const char* network : {"G", "D"}) {
    for (const auto& [name, tensor] : exported(recipe, network).tensors)
      file.tensors[std::string(network) + "." + name] = tensor;
  }
  return file;
}

std::string failure_of(const ForeignFile& file) {
  try {
    find_layout("stargan").from(file);
  } catch (const DataError& error) {
    return error.what();
  }
  return "(taken)";
}

TEST(Layouts, TheTableNamesItsRowsAndTheirModels) {
  EXPECT_EQ(find_layout("gan-zoo").recipe, "progressive");
  for (const ForeignLayout& layout : layouts()) EXPECT_NO_THROW(find_recipe(layout.recipe));
  try {
    find_layout("other");
    ADD_FAILURE() << "taken";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("there is gan-zoo, stargan"));
  }
}

TEST(StarganLayout, ExportAddsWhatTheirInstanceNormsDemandAndNothingElse) {
  const auto recipe = small_stargan();
  const ExportedNetworks ours = exported(*recipe, "G");
  const ForeignFile theirs = find_layout("stargan").to(ours);
  EXPECT_EQ(theirs.metadata.at("attributes"), kNames);
  EXPECT_EQ(theirs.metadata.at("resolution"), "32");
  EXPECT_EQ(theirs.metadata.at("format"), "stargan");
  EXPECT_EQ(theirs.metadata.at("network"), "G");
  std::size_t norms = 0;
  for (const auto& [name, tensor] : ours.tensors) {
    EXPECT_TRUE(torch::equal(theirs.tensors.at(name), tensor)) << name;
    norms += name.ends_with(".bias") ? 1 : 0;  // convolutions of G have none
  }
  EXPECT_EQ(norms, 9u);  // 3 down, 2 a block, 2 up
  EXPECT_EQ(theirs.tensors.size(), ours.tensors.size() + 3 * norms);
  EXPECT_TRUE(torch::equal(theirs.tensors.at("main.9.main.4.running_mean"), torch::zeros({12})));
  EXPECT_TRUE(torch::equal(theirs.tensors.at("main.1.running_var"), torch::ones({3})));
  const torch::Tensor counted = theirs.tensors.at("main.1.num_batches_tracked");
  EXPECT_EQ(counted.dim(), 0);
  EXPECT_EQ(counted.scalar_type(), torch::kInt64);
  const ExportedNetworks judge = exported(*recipe, "D");
  EXPECT_EQ(find_layout("stargan").to(judge).tensors.size(), judge.tensors.size());
  ExportedNetworks both = ours;
  both.network = "";
  EXPECT_THROW(find_layout("stargan").to(both), ConfigError);
  both = ours;
  both.architecture = R"({"model":"progressive","resolution":8})";
  EXPECT_THROW(find_layout("stargan").to(both), ConfigError);
}

TEST(StarganLayout, ImportMakesTheNetworksTheFileIsOf) {
  const auto recipe = small_stargan();
  const ExportedNetworks ours = find_layout("stargan").from(published(*recipe));
  EXPECT_EQ(ours.network, "");
  const auto json = nlohmann::json::parse(ours.architecture);
  EXPECT_EQ(json.at("recipe"), "stargan");
  EXPECT_EQ(json.at("resolution"), 32);
  EXPECT_EQ(json.at("labels").at(0).at("exclusive").at(0).size(), 2u);  // the hair colours
  const auto again = small_stargan(ours.architecture);
  std::size_t compared = 0;
  for (const auto& [name, network] : again->networks()) {
    for (const auto& item : network->named_parameters()) {
      const torch::Tensor& found = ours.tensors.at(name + "/" + item.key());
      EXPECT_EQ(found.sizes(), item.value().sizes()) << item.key();
      ++compared;
    }
  }
  EXPECT_EQ(compared, ours.tensors.size());
  EXPECT_TRUE(torch::equal(ours.tensors.at("D/conv2.weight"),
                           recipe->networks().at("D")->named_parameters()["conv2.weight"]));
}

TEST(StarganLayout, ExportIsTakenBackAlsoWithRunningStatistics) {
  const auto recipe = small_stargan();
  for (const char* network : {"G", "D"}) {
    const ExportedNetworks ours = exported(*recipe, network);
    const ExportedNetworks back = find_layout("stargan").from(find_layout("stargan").to(ours));
    ASSERT_EQ(back.tensors.size(), ours.tensors.size());
    for (const auto& [name, tensor] : ours.tensors)
      EXPECT_TRUE(torch::equal(back.tensors.at(std::string(network) + "/" + name), tensor));
  }
  const auto alone = nlohmann::json::parse(
      find_layout("stargan").from(find_layout("stargan").to(exported(*recipe, "G"))).architecture);
  EXPECT_EQ(alone.at("discriminator_width"), 64);
  EXPECT_EQ(alone.at("discriminator_layers"), 5);  // as many as 32 pixels allow
}

TEST(StarganLayout, WhatDoesNotFitIsNamed) {
  const auto recipe = small_stargan();
  const ForeignFile whole = published(*recipe);
  const auto with = [&](const std::string& name, const torch::Tensor& tensor) {
    ForeignFile file = whole;
    file.tensors[name] = tensor;
    return failure_of(file);
  };
  const auto told = [&](const std::string& key, const std::string& value) {
    ForeignFile file = whole;
    file.metadata[key] = value;
    return failure_of(file);
  };
  const auto without = [&](const std::string& name) {
    ForeignFile file = whole;
    file.tensors.erase(name);
    file.metadata.erase(name);
    return failure_of(file);
  };
  EXPECT_EQ(failure_of(whole), "(taken)");
  EXPECT_THAT(failure_of({{{"w", torch::ones({1})}}, whole.metadata}),
              HasSubstr("no convolution G.main.0.weight"));
  EXPECT_THAT(failure_of({{}, whole.metadata}), HasSubstr("no tensor"));
  EXPECT_THAT(without("attributes"), HasSubstr("no attributes in the metadata"));
  EXPECT_THAT(without("resolution"), HasSubstr("no resolution in the metadata"));
  EXPECT_THAT(without("G.main.4.bias"), HasSubstr("no tensor G.main.4.bias"));
  EXPECT_THAT(without("D.main.2.bias"), HasSubstr("no tensor D.main.2.bias"));
  EXPECT_THAT(without("D.conv2.weight"), HasSubstr("no convolution D.conv2.weight"));
  EXPECT_THAT(with("G.main.11.weight", torch::ones({3, 3, 3, 3})), HasSubstr("G.main.11.weight"));
  EXPECT_THAT(with("G.main.0.weight", torch::ones({3})), HasSubstr("no convolution"));
  EXPECT_THAT(with("G.main.0.weight", torch::ones({0, 6, 7, 7})), HasSubstr("width of G is 0"));
  EXPECT_THAT(with("G.main.10.main.3.weight", torch::ones({2})), HasSubstr("main.10.main.3"));
  EXPECT_THAT(with("D.conv2.weight", torch::ones({3, 20, 3, 3})), HasSubstr("the resolution"));
  EXPECT_THAT(with("D.conv2.weight", torch::ones({4, 20, 4, 4})), HasSubstr("D.conv2.weight"));
  EXPECT_THAT(with("extra", torch::ones({3})), HasSubstr("G. or D. in front"));
  EXPECT_THAT(with("D.extra", torch::ones({3})), HasSubstr("not StarGAN's: D.extra"));
  EXPECT_THAT(with("G.main.1.bias", torch::full({3}, NAN)), HasSubstr("no finite numbers"));
  EXPECT_THAT(with("G.main.1.bias", torch::ones({3}, torch::kInt64)), HasSubstr("G.main.1.bias"));
  EXPECT_THAT(told("attributes", "Male,Young"), HasSubstr("expected 3 and 2"));
  for (const char* bad : {"", "Male,Male,Young", "Male,,Young", "age:18:45", "Male,Young,"})
    EXPECT_THAT(told("attributes", bad), HasSubstr("in the metadata")) << bad;
  for (const char* bad : {"", "0", "-4", "33", "32x", "99999999999999999999", "1073741824"})
    EXPECT_THAT(told("resolution", bad), HasSubstr("a power of two")) << bad;
  EXPECT_THAT(told("resolution", "64"), HasSubstr("the resolution in the metadata, 64"));
}

}  // namespace
}  // namespace pgan::models
