#include "models/label_sets.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/error.h"
#include "core/option_set.h"

namespace pgan::models {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

DataFacts faces() {
  DataFacts facts{"faces", {}, false};
  for (const char* name : {"Bald", "Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"})
    facts.labels.push_back({name, 0.5, 0, 1, true});
  return facts;
}

DataFacts ages() {
  return {"ages", {{"age", 30, 1, 96, false}, {"gender", 0.5, 0, 1, true}}, false};
}

DataFacts moods() {
  return {"moods", {{"happy", 0.5, 0, 1, true}, {"sad", 0.5, 0, 1, true}}, true};
}

LabelOptions chosen(std::vector<std::string> attributes) {
  LabelOptions options;
  options.attributes = std::move(attributes);
  return options;
}

std::string message_of(const LabelOptions& options, const std::vector<DataFacts>& facts) {
  try {
    const LabelSets labels(options, facts);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

torch::Tensor row(const std::vector<float>& values) {
  return torch::tensor(values).unsqueeze(0);
}

TEST(LabelSets, DefaultsAreThePublishedFiveWithTheHairColoursExclusive) {
  const LabelSets labels({}, {faces()});
  EXPECT_THAT(labels.names(),
              ElementsAre("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"));
  ASSERT_EQ(labels.groups().size(), 1);
  EXPECT_THAT(labels.groups()[0].members, ElementsAre(0, 1, 2));
  EXPECT_FALSE(labels.groups()[0].categorical);
  EXPECT_EQ(labels.width(), 5);
  // The pack's columns are in another order, with one that is not chosen.
  EXPECT_TRUE(labels.select(row({1, 0, 1, 0, 1, 0}), 0).equal(row({0, 1, 0, 1, 0})));
}

TEST(LabelSets, TheOrderAskedForIsKept) {
  const LabelSets labels(chosen({"Young,Male"}), {faces()});
  EXPECT_THAT(labels.names(), ElementsAre("Young", "Male"));
  EXPECT_TRUE(labels.groups().empty());
  EXPECT_TRUE(labels.select(row({0, 0, 0, 0, 1, 0}), 0).equal(row({0, 1})));
}

TEST(LabelSets, SeveralSetsHaveAMaskAndZerosForTheUnknown) {
  const LabelSets labels(chosen({"Male,Young", "age:18:45"}), {faces(), ages()});
  EXPECT_THAT(labels.names(), ElementsAre("Male", "Young", "age<18", "18<=age<45", "age>=45"));
  EXPECT_EQ(labels.width(), 7);
  EXPECT_TRUE(labels.select(row({0, 0, 0, 0, 1, 0}), 0).equal(row({1, 0, 0, 0, 0, 1, 0})));
  EXPECT_TRUE(labels.select(row({18, 1}), 1).equal(row({0, 0, 0, 1, 0, 0, 1})));
  EXPECT_TRUE(labels.select(row({17.5, 1}), 1).equal(row({0, 0, 1, 0, 0, 0, 1})));
  EXPECT_TRUE(labels.select(row({45, 1}), 1).equal(row({0, 0, 0, 0, 1, 0, 1})));
  ASSERT_EQ(labels.groups().size(), 1);
  EXPECT_TRUE(labels.groups()[0].categorical);
}

TEST(LabelSets, ASetWithOneLabelARecordIsCategorical) {
  const LabelSets labels(chosen({"Male", "default"}), {faces(), moods()});
  ASSERT_EQ(labels.groups().size(), 1);
  EXPECT_TRUE(labels.groups()[0].categorical);
  EXPECT_THAT(labels.groups()[0].members, ElementsAre(1, 2));
}

/// -log sigmoid and softmax by hand: logits 0.5 and -1 for labels 1 and 0; 2, 0 for the first
/// class.
TEST(LabelSets, LossesAreThoseOfTheKnownPart) {
  const LabelSets labels(chosen({"Male,Young", "default"}), {faces(), moods()});
  const torch::Tensor logits = row({0.5, -1, 2, 0});
  const double binary = std::log1p(std::exp(-0.5)) + std::log1p(std::exp(-1.0));
  EXPECT_NEAR(labels.loss(logits, row({1, 0, 0, 0, 1, 0}), 0).item<double>(), binary, 1e-6);
  const double classes = -std::log(std::exp(2.0) / (std::exp(2.0) + 1));
  EXPECT_NEAR(labels.loss(logits, row({0, 0, 1, 0, 0, 1}), 1).item<double>(), classes, 1e-6);
  const torch::Tensor weights = torch::tensor({{1.0, 3.0, 1.0, 1.0}, {2.0, 1.0, 1.0, 1.0}});
  const double weighted = 2 * std::log1p(std::exp(-0.5)) + 3 * std::log1p(std::exp(-1.0));
  EXPECT_NEAR(labels.loss(logits, row({1, 0, 0, 0, 1, 0}), 0, weights).item<double>(), weighted,
              1e-6);
}

TEST(LabelSets, DecisionsAreTheLargestOfClassesElsewhereTheSign) {
  const LabelSets labels(chosen({"Male,Young", "default"}), {faces(), moods()});
  const torch::Tensor logits = row({0.5, -1, -3, -2});
  EXPECT_TRUE(labels.decide(logits, 0).equal(row({1, 0, 0, 0, 1, 0})));
  EXPECT_TRUE(labels.decide(logits, 1).equal(row({0, 0, 0, 1, 0, 1})));
}

TEST(LabelSets, SettingAHairColourClearsTheOthersInProportion) {
  const LabelSets labels({}, {faces()});
  torch::Tensor vector = row({1, 0, 0, 1, 0});
  labels.set(vector, 1, 0.25);
  EXPECT_TRUE(vector.allclose(row({0.75, 0.25, 0, 1, 0})));
  labels.set(vector, 1, 1);
  EXPECT_TRUE(vector.equal(row({0, 1, 0, 1, 0})));
}

TEST(LabelSets, FlippingIsTheOtherValueOrTheOneOfAGroup) {
  const LabelSets labels({}, {faces()});
  const torch::Tensor own = row({1, 0, 0, 1, 0});
  EXPECT_TRUE(labels.flipped(own, 3).equal(row({1, 0, 0, 0, 0})));
  EXPECT_TRUE(labels.flipped(own, 2).equal(row({0, 0, 1, 1, 0})));
  EXPECT_TRUE(labels.flipped(own, 0).equal(own));
  EXPECT_TRUE(own.equal(row({1, 0, 0, 1, 0})));
}

TEST(LabelSets, AnotherSetsAttributeSwitchesTheMask) {
  const LabelSets labels(chosen({"Male,Young", "default"}), {faces(), moods()});
  EXPECT_TRUE(labels.flipped(row({1, 1, 0, 0, 1, 0}), 3).equal(row({0, 0, 0, 1, 0, 1})));
}

TEST(LabelSets, TheirTextGivesTheSameWithoutData) {
  LabelOptions options = chosen({"Black_Hair,Brown_Hair,Male", "age:18:45"});
  const LabelSets labels(options, {faces(), ages()});
  LabelOptions again;
  OptionSet([&](OptionVisitor& visitor) {
    again.visit(visitor);
  }).assign(LabelSets::values_from(labels.json()));
  const LabelSets same(again, {});
  EXPECT_EQ(same.names(), labels.names());
  EXPECT_EQ(same.width(), labels.width());
  ASSERT_EQ(same.groups().size(), 2);
  EXPECT_EQ(same.json().substr(same.json().find("attributes")),
            labels.json()
                .substr(labels.json().find("attributes"))
                .replace(labels.json().find("ages") - labels.json().find("attributes"), 4, "1"));
  const LabelSets with_data(again, {faces(), ages()});
  EXPECT_EQ(with_data.attributes(), labels.attributes());
}

TEST(LabelSets, ConstantLabelsAreNoted) {
  DataFacts facts = faces();
  facts.labels[5] = {"Young", 1, 1, 1, true};
  const LabelSets labels(chosen({"Male,Young"}), {facts});
  EXPECT_THAT(labels.notes(), testing::Contains(HasSubstr("Young is set in all records")));
  const LabelSets old(chosen({"age>=200", "Male"}), {ages(), faces()});
  EXPECT_THAT(old.notes(), testing::Contains(HasSubstr("age>=200 is not set in all records")));
}

TEST(LabelSets, BadChoicesAreNamed) {
  EXPECT_THAT(message_of(chosen({"Beard"}), {faces()}), HasSubstr("it has Bald, Black_Hair"));
  EXPECT_THAT(message_of(chosen({"age"}), {ages()}), HasSubstr("values from 1 to 96"));
  EXPECT_THAT(message_of(chosen({"age:45:18"}), {ages()}), HasSubstr("ascending"));
  EXPECT_THAT(message_of(chosen({"Male,Male"}), {faces()}), HasSubstr("twice"));
  EXPECT_THAT(message_of(chosen({"Male", "Young"}), {faces()}), HasSubstr("2 times for 1"));
  EXPECT_THAT(message_of({}, {}), HasSubstr("--attributes is missing"));
  EXPECT_THAT(message_of(chosen({"Male,"}), {faces()}), HasSubstr("empty name"));
  EXPECT_THAT(message_of(chosen({"A,,B"}), {}), HasSubstr("empty name"));
  LabelOptions options = chosen({"Male,Young"});
  options.exclusive = {"Male"};
  EXPECT_THAT(message_of(options, {faces()}), HasSubstr("two attributes or more"));
  options.exclusive = {"Male,Bald"};
  EXPECT_THAT(message_of(options, {faces()}), HasSubstr("no attribute Bald"));
  options.exclusive = {"Male,Young"};
  options.categorical = {"Young,Male"};
  EXPECT_THAT(message_of(options, {faces()}), HasSubstr("in a group already"));
  DataFacts often = faces();
  often.labels[4].mean = often.labels[5].mean = 0.7;
  options.categorical = {};
  EXPECT_THAT(message_of(options, {often}), HasSubstr("1.4 of them set on average"));
  options = chosen({"Male,Young"});
  options.categorical = {"Male,Young"};
  EXPECT_THAT(message_of(options, {often}), HasSubstr("exactly one each"));
  options.categorical = {"Male,"};
  EXPECT_THAT(message_of(options, {often}), HasSubstr("empty name"));
  EXPECT_THROW(LabelSets::values_from("[{}]"), ConfigError);
  EXPECT_THROW(LabelSets::values_from("nonsense"), ConfigError);
}

}  // namespace
}  // namespace pgan::models
