// A run that was stopped goes on as if it never had been.
#include <gmock/gmock.h>

#include "train/counters.h"
#include "train/initial_weights.h"
#include "trainer_fixture.h"

namespace pgan::train {
namespace {

void expect_equal(const TensorMap& found, const TensorMap& expected, const std::string& when) {
  ASSERT_EQ(found.size(), expected.size()) << when;
  for (const auto& [name, tensor] : expected)
    EXPECT_TRUE(torch::equal(tensor, found.at(name))) << name << " " << when;
}

/// Steps 1-4 at 4x4, 5-7 in the fade, then at 8x8; optimizers start afresh before steps 5 and 8.
TEST_F(TrainerTest, StoppedAfterAnyStepAndResumedEqualsNeverStoppedBitForBit) {
  const Result whole = train(2, {torch::kFloat32, 10});
  for (std::int64_t k = 1; k < 10; ++k) {
    RunSetup setup{torch::kFloat32, k, folder_ / ("stopped" + std::to_string(k))};
    train(2, setup);
    setup.max_steps = 10;
    setup.resume = true;
    expect_equal(train(2, setup).state, whole.state, "after stopping at step " + std::to_string(k));
  }
}

TEST_F(TrainerTest, AResumeOnAnyOtherRankCountGoesOnWithTheSameTraining) {
  const Result whole = train(1, {torch::kFloat64, 10});
  for (const auto& [before, after] : {std::pair{4, 2}, {1, 4}, {2, 1}, {4, 1}}) {
    RunSetup setup{torch::kFloat64, 5,
                   folder_ / ("moved" + std::to_string(before) + std::to_string(after))};
    train(before, setup);
    setup.max_steps = 10;
    setup.resume = true;
    EXPECT_LT(largest_relative_difference(whole.state, train(after, setup).state), 1e-10)
        << before << " -> " << after;
  }
}

TEST_F(TrainerTest, TicksAfterACrashAreThoseOfARunThatNeverCrashed) {
  Heard whole;
  train(2, {torch::kFloat32, 10, folder_ / "whole"}, &whole);
  // Ticks after steps 1, 4, 7, 10. The crash came before the tick that follows the save of step 5
  // or 6, so that what the steps since tick 4 add up to is in the checkpoint alone.
  for (const std::int64_t k : {5, 6}) {
    RunSetup crashed{torch::kFloat32, k, folder_ / ("crashed" + std::to_string(k))};
    Heard before;
    train(2, crashed, &before);
    crashed.max_steps = 10;
    crashed.resume = true;
    Heard after;
    after.earlier_tick = 4;
    train(2, crashed, &after);
    ASSERT_EQ(after.ticks.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
      const TickInfo& expected = whole.ticks.at(i + 2);
      EXPECT_EQ(after.ticks[i].progress, expected.progress);
      EXPECT_EQ(after.ticks[i].losses, expected.losses);
      EXPECT_GT(after.ticks[i].elapsed_seconds, whole.ticks[0].elapsed_seconds);
    }
  }
}

TEST_F(TrainerTest, ATickThatWasReportedAfterTheSaveIsNotCountedAgain) {
  RunSetup setup{torch::kFloat32, 6, folder_ / "stopped"};
  Heard before;
  train(2, setup, &before);
  EXPECT_EQ(before.ticks.back().progress.step, 6);  // the end's, of steps 5 and 6 alone
  setup.max_steps = 9;
  setup.resume = true;
  Heard after;
  after.earlier_tick = 6;
  train(2, setup, &after);
  Heard whole;
  train(2, {torch::kFloat32, 9}, &whole);
  double sum = 0, expected = 0;
  for (const auto& tick : after.ticks) sum += tick.losses.at("loss_g");
  EXPECT_EQ(after.ticks.size(), 1u);  // steps 7-9
  Heard each;
  RunSetup every{torch::kFloat32, 9};
  every.tick_kimg = 0.016;
  train(2, every, &each);
  for (std::size_t i = 6; i < 9; ++i) expected += each.ticks.at(i).losses.at("loss_g") / 3;
  EXPECT_NEAR(sum, expected, 1e-12);
}

TEST_F(TrainerTest, PreviewsAreTheRunsOwnAlsoOnOtherRankCounts) {
  RunSetup setup{torch::kFloat32, 3, folder_ / "previews"};
  const Result before = train(4, setup);
  EXPECT_EQ(before.state.at("preview/latents").sizes(), (std::vector<std::int64_t>{4, 8}));
  EXPECT_EQ(before.state.at("preview/reals").scalar_type(), torch::kUInt8);
  // Another version of the program might draw others: what the checkpoint holds counts.
  const auto found = checkpoint::open_newest(setup.run);
  TensorMap state = checkpoint::read_tensors(found);
  state["preview/latents"].fill_(0.5);
  tests::ThreadRanks(1).run([&](comm::Communicator& host) {
    checkpoint::Store store(setup.run, host, {});
    store.begin(found.manifest, state);
    store.drain();
  });
  setup.resume = true;
  setup.max_steps = 4;
  Heard heard;
  const Result after = train(2, setup, &heard);
  EXPECT_TRUE(torch::equal(after.state.at("preview/latents"), state.at("preview/latents")));
  for (int i = 1; i < 4; ++i)
    EXPECT_TRUE(torch::equal(heard.samples.back()[0], heard.samples.back()[i]));
}

checkpoint::Weights weights_of(const Result& result) {
  checkpoint::Weights weights{"progressive", "{}", {8, 1.0}, 0, {}};
  for (const auto& [name, tensor] : result.state) {
    if (name.starts_with("G") || name.starts_with("D/")) weights.tensors[name] = tensor;
  }
  return weights;
}

std::unique_ptr<models::Recipe> grown_progressive(std::int64_t resolution) {
  auto recipe = small_progressive(torch::kFloat32);
  recipe->grow({resolution, 1.0});
  return recipe;
}

TEST_F(TrainerTest, AStartFromWeightsTakesThemAlsoWhereLayersGrowLater) {
  const Result source = train(1, {torch::kFloat32, 10});
  ASSERT_TRUE(source.state.contains("G/8.conv0.weight"));
  const auto grown = grown_progressive(8);
  const InitialWeights initial = initial_weights(weights_of(source), *grown, true, "w");
  EXPECT_THAT(initial.summary, ::testing::HasSubstr("G_ema 12 of 12 tensors from G_ema"));

  RunSetup setup{torch::kFloat32, 3, folder_ / "second"};
  setup.start_from = initial.tensors;
  const Result before = train(2, setup);
  EXPECT_FALSE(before.state.contains("G/8.conv0.weight"));
  EXPECT_TRUE(torch::equal(before.state.at("waiting/G/8.conv0.weight"),
                           source.state.at("G/8.conv0.weight")));
  // Stopped before the growth and resumed, or not stopped: the layers that wait are taken then.
  RunSetup resumed = setup;
  resumed.start_from = {};
  resumed.resume = true;
  resumed.max_steps = 5;
  const Result after = train(2, resumed);
  RunSetup straight{torch::kFloat32, 5};
  straight.start_from = initial.tensors;
  expect_equal(after.state, train(2, straight).state, "resumed before the growth");
  EXPECT_FALSE(after.state.contains("waiting/G/8.conv0.weight"));
  const torch::Tensor moved =
      after.state.at("G/8.conv0.weight") - source.state.at("G/8.conv0.weight");
  EXPECT_LT(moved.abs().max().item<double>(), 0.1);  // one step of Adam away
  const torch::Tensor fresh = train(2, {torch::kFloat32, 5}).state.at("G/8.conv0.weight");
  EXPECT_GT((fresh - source.state.at("G/8.conv0.weight")).abs().max().item<double>(), 0.001);
}

TEST_F(TrainerTest, WeightsOfOtherSizesOrOfNothingAreRefused) {
  const auto grown = grown_progressive(8);
  checkpoint::Weights weights{"progressive", "{}", {4, 1.0}, 0, {}};
  EXPECT_THROW(initial_weights(weights, *grown, true, "w"), ConfigError);
  weights.tensors["G_ema/4.conv.weight"] = torch::ones({2, 2, 3, 3});
  try {
    initial_weights(weights, *grown, true, "w");
    ADD_FAILURE() << "taken";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("G_ema/4.conv.weight is [2, 2, 3, 3]"));
  }
  // The average alone fills both; D and higher resolutions start afresh.
  const std::int64_t c = 8;
  weights.tensors["G_ema/4.conv.weight"] = torch::ones({c, c, 3, 3});
  const InitialWeights initial = initial_weights(weights, *grown, true, "w");
  EXPECT_EQ(initial.tensors.size(), 2u);
  EXPECT_TRUE(initial.tensors.contains("G/4.conv.weight"));
  EXPECT_THAT(initial.summary, ::testing::HasSubstr("D 0 of"));
}

TEST(Counters, SurviveTheirText) {
  Counters counters;
  counters.skipped = 7;
  counters.skipped_in_a_row = {{"D", 3}, {"G", 0}};
  counters.elapsed_seconds = 0.1 + 0.2;
  counters.window.begin_step = 12;
  counters.window.images = 48;
  counters.window.steps = 3;
  counters.window.loss_sums = {{"loss_d", 1.0 / 3}, {"loss_g", NAN}};
  counters.window.seconds = 1e-9;
  const Counters read = Counters::from_json(counters.to_json(), "here");
  EXPECT_EQ(read.to_json(), counters.to_json());
  EXPECT_EQ(read.window.loss_sums.at("loss_d"), 1.0 / 3);
  EXPECT_TRUE(std::isnan(read.window.loss_sums.at("loss_g")));
  EXPECT_EQ(read.skipped_in_a_row.at("D"), 3);
  for (const char* text : {"", "{}", "[]", R"({"skipped":"x"})"}) {
    EXPECT_THROW(Counters::from_json(text, "here"), CheckpointError) << text;
  }
}

}  // namespace
}  // namespace pgan::train
