#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "comm/agree.h"
#include "train/rank_times.h"
#include "train/replica_check.h"
#include "train/trainer_fixture.h"

namespace pgan::train {
namespace {

using ::testing::HasSubstr;

TensorMap some_weights() {
  return {{"D/a", torch::arange(6, torch::kFloat32).view({2, 3})},
          {"G/b", torch::ones({4}, torch::kFloat64)},
          {"G/c", torch::zeros({2, 2})}};
}

std::string complaint(int ranks, const std::function<void(int rank, TensorMap&)>& spoil) {
  std::string message;
  tests::ThreadRanks(ranks).run([&](comm::Communicator& host) {
    TensorMap weights = some_weights();
    spoil(host.rank(), weights);
    try {
      check_replicas(host, weights, "at step 7");
    } catch (const comm::AgreedError& error) {
      EXPECT_EQ(error.code(), ExitCode::comm);
      if (host.rank() == 0) message = error.what();
    }
  });
  return message;
}

TEST(Replicas, EqualOnesPass) {
  EXPECT_EQ(complaint(3, [](int, TensorMap&) {}), "");
}

TEST(Replicas, ADriftOfOneBitNamesTheRankAndTheFirstTensor) {
  const std::string message = complaint(3, [](int rank, TensorMap& weights) {
    if (rank == 0) weights["G/b"][2] = std::nextafter(1.0, 2.0), weights["G/c"][0][0] = 1;
  });
  EXPECT_THAT(message, HasSubstr("the replicas differ at step 7: rank 0 on "));
  EXPECT_THAT(message, HasSubstr("has another G/b than most ranks"));
}

TEST(Replicas, OtherShapesNamesAndMissingTensorsAreNamed) {
  EXPECT_THAT(complaint(3,
                        [](int rank, TensorMap& weights) {
                          if (rank == 2) weights["D/a"] = weights["D/a"].view({3, 2});
                        }),
              HasSubstr("rank 2 on "));
  EXPECT_THAT(complaint(2,
                        [](int rank, TensorMap& weights) {
                          if (rank == 1) weights.erase("G/c");
                        }),
              HasSubstr("has another G/c than rank 0"));
  EXPECT_THAT(complaint(2,
                        [](int rank, TensorMap& weights) {
                          if (rank == 1) weights["H/new"] = torch::ones({1});
                        }),
              HasSubstr("has another H/new than rank 0"));
}

TEST_F(TrainerTest, ADriftInTrainingIsFoundWithinTheInterval) {
  tests::ThreadRanks(2).run([&](comm::Communicator& host) {
    Wrapped recipe(small_progressive(torch::kFloat32));
    std::int64_t calls = 0;
    recipe.before_loss = [&](models::Step&) {
      if (host.rank() != 1 || ++calls != 3) return;
      const torch::NoGradGuard no_grad;  // a bit of rank 1's memory flips in step 2
      recipe.parameter_sets().at("G").back().second.view(-1)[0] += 1;
    };
    RunSetup setup{torch::kFloat32, 10, folder_ / "drift"};
    setup.replica_check_steps = 3;
    try {
      train_rank(host, setup, pack_, recipe);
      ADD_FAILURE() << "went on";
    } catch (const comm::AgreedError& error) {
      EXPECT_THAT(error.what(), HasSubstr("the replicas differ at step 3: rank 1 on "));
    }
  });
}

PartSeconds seconds(double data, double forward, double waiting) {
  PartSeconds parts{};
  of(parts, Part::data) = data;
  of(parts, Part::forward) = forward;
  of(parts, Part::waiting) = waiting;
  return parts;
}

TEST(RankTimes, NamesARankThatHoldsUpTheOthersAndWhere) {
  RankTimes times;
  for (int step = 0; step < 10; ++step)
    times.add({seconds(0.1, 1, 0.5), seconds(0.6, 1, 0), seconds(0.1, 1.05, 0.45)});
  const auto straggler = times.straggler();
  ASSERT_TRUE(straggler);
  EXPECT_EQ(straggler->rank, 1);
  EXPECT_NEAR(straggler->ratio, 1.6 / 1.15, 1e-9);
  EXPECT_EQ(straggler->part, Part::data);
  EXPECT_NEAR(of(times.means()[2], Part::waiting), 0.45, 1e-12);
}

TEST(RankTimes, SmallDifferencesShortSpansAndWaitingNameNobody) {
  RankTimes even, few, waiting;
  for (int step = 0; step < 10; ++step) {
    even.add({seconds(0.1, 1, 0), seconds(0.1, 1.1, 0)});
    waiting.add({seconds(0.1, 1, 9), seconds(0.1, 1, 0)});
  }
  few.add({seconds(0, 1, 0), seconds(0, 9, 0)});
  EXPECT_FALSE(even.straggler());
  EXPECT_FALSE(waiting.straggler());
  EXPECT_FALSE(few.straggler());
  EXPECT_TRUE(RankTimes().means().empty());
}

TEST_F(TrainerTest, ATraceHoldsTheAskedStepsOfAllRanks) {
  Heard heard;
  RunSetup setup{torch::kFloat32, 8};
  setup.trace = "3-4";
  train(2, setup, &heard);
  const auto events = nlohmann::json::parse(heard.trace);
  std::map<std::pair<int, std::string>, int> counts;
  for (const auto& event : events) {
    if (event.at("ph") != "X") continue;
    EXPECT_GE(event.at("ts").get<double>(), 0);
    EXPECT_GE(event.at("dur").get<double>(), 0);
    ++counts[{event.at("pid"), event.at("name")}];
  }
  for (const int rank : {0, 1}) {
    for (const char* span : {"batch", "forward D", "backward G", "update of D", "update of G"})
      EXPECT_EQ((counts[{rank, span}]), 2) << span;
  }
  ASSERT_FALSE(heard.ticks.empty());
  EXPECT_EQ(heard.ticks.back().rank_seconds.size(), 2U);
}

}  // namespace
}  // namespace pgan::train
