#include <gmock/gmock.h>

#include "comm/agree.h"
#include "train/trainer_fixture.h"

namespace pgan::train {
namespace {

TEST_F(TrainerTest, ANonFiniteGradientOnOneRankSkipsTheUpdateOnAll) {
  Heard heard;
  tests::ThreadRanks(2).run([&](comm::Communicator& host) {
    Wrapped recipe(small_progressive(torch::kFloat32));
    recipe.spoil = [&](std::int64_t call) {
      return host.rank() == 1 && call == 2;  // D's second phase
    };
    const Result result =
        train_rank(host, {torch::kFloat32, 3, folder_ / "spoiled"}, pack_, recipe, &heard);
    EXPECT_EQ(result.progress.images, 48);
    EXPECT_EQ(result.state.at("adam.D/step").item<std::int64_t>(), 2);
    EXPECT_EQ(result.state.at("adam.G/step").item<std::int64_t>(), 3);
    for (const auto& [name, tensor] : result.state)
      EXPECT_TRUE(tensor.isfinite().all().item<bool>()) << name;
  });
  EXPECT_EQ(heard.ticks.back().skipped_steps, 1);
}

TEST_F(TrainerTest, TwentySkipsInARowEndTheRunOnEveryRank) {
  tests::ThreadRanks(2).run([&](comm::Communicator& host) {
    Wrapped recipe(small_progressive(torch::kFloat32));
    recipe.spoil = [&](std::int64_t call) { return host.rank() == 0 && call >= 4; };
    try {
      train_rank(host, {torch::kFloat32, 100, folder_ / "diverged"}, pack_, recipe);
      ADD_FAILURE() << "went on";
    } catch (const comm::AgreedError& error) {
      EXPECT_EQ(error.code(), ExitCode::diverged);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("20 updates of phase D in a row"));
    }
  });
}

TEST_F(TrainerTest, SkipsOfOnePhaseAreNotForgivenByTheOther) {
  tests::ThreadRanks(1).run([&](comm::Communicator& host) {
    Wrapped recipe(small_progressive(torch::kFloat32));
    recipe.spoil = [](std::int64_t call) { return call % 2 == 0; };  // D alone
    EXPECT_THROW(train_rank(host, {torch::kFloat32, 100, folder_ / "frozen_d"}, pack_, recipe),
                 comm::AgreedError);
  });
}

TEST_F(TrainerTest, StopEndsTheRunOnEveryRankAtTheFirst) {
  tests::ThreadRanks(2).run([&](comm::Communicator& host) {
    Wrapped recipe(small_progressive(torch::kFloat32));
    recipe.spoil = [&](std::int64_t call) { return host.rank() == 1 && call == 5; };  // G, step 2
    RunSetup setup{torch::kFloat32, 100, folder_ / "stop"};
    setup.on_nonfinite = "stop";
    try {
      train_rank(host, setup, pack_, recipe);
      ADD_FAILURE() << "went on";
    } catch (const comm::AgreedError& error) {
      EXPECT_EQ(error.code(), ExitCode::diverged);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("step 2: phase G"));
    }
  });
}

/// Rank 0 alone reports, and so may hear of the outcome earlier: nobody may leave before the rest.
TEST_F(TrainerTest, RollbackLeavesOnEveryRankAlikeAndOtherDrawsFollow) {
  Heard heard;
  RunSetup setup{torch::kFloat32, 10, folder_ / "back"};
  setup.on_nonfinite = "rollback";
  setup.tick_kimg = 0.016;  // a report each step
  setup.checkpoint_kimg = 0.032;
  tests::ThreadRanks(2).run([&](comm::Communicator& host) {
    Wrapped recipe(small_progressive(torch::kFloat32));
    recipe.spoil = [](std::int64_t call) { return call == 11; };  // G of step 5
    std::int64_t rollbacks = 0;
    try {
      train_rank(host, setup, pack_, recipe, &heard);
      ADD_FAILURE() << "went on";
    } catch (const RollBack& back) {
      EXPECT_EQ(back.step, 5);
      rollbacks = back.rollbacks;
    }
    EXPECT_EQ(rollbacks, 1);
    const auto fresh = small_progressive(torch::kFloat32);
    RunSetup again = setup;
    again.resume = true;
    again.rollbacks = rollbacks;
    const Result after = train_rank(host, again, pack_, *fresh, &heard);
    EXPECT_EQ(after.progress.step, 10);
    EXPECT_EQ(checkpoint::find_newest(setup.run, host)
                  ->manifest.extra.at("counters")
                  .find("\"rollbacks\":0"),
              std::string::npos);
  });
  EXPECT_EQ(heard.ticks.back().rollbacks, 1);
  const Result straight = train(2, {torch::kFloat32, 10});
  const Result back = train(2, {torch::kFloat32, 10, setup.run, true});
  EXPECT_FALSE(
      torch::equal(straight.state.at("G/4.conv.weight"), back.state.at("G/4.conv.weight")));
}

}  // namespace
}  // namespace pgan::train
