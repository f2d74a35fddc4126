#include "comm/gradient_reducer.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "comm_threads.h"

namespace pgan::comm {
namespace {

std::vector<torch::Tensor> parameters() {
  return {
      torch::ones({300, 1000}).requires_grad_(true), torch::ones({7}).requires_grad_(true),
      torch::ones({2, 3, 4, 4}).to(at::MemoryFormat::ChannelsLast).detach().requires_grad_(true),
      torch::ones({5}).requires_grad_(true)};
}

TEST(GradientReducer, GradientsAreTheMeanOverRanksAndLossesRideAlong) {
  for (const int ranks : {1, 2, 4}) {
    tests::ThreadRanks(ranks).run([&](Communicator& comm) {
      auto params = parameters();
      GradientReducer reducer(comm, params, {1});  // 1 MiB: several buckets
      for (int phase = 0; phase < 2; ++phase) {
        reducer.arm();
        const double own = comm.rank() + 1 + phase;
        const torch::Tensor weight = torch::arange(96, torch::kFloat32).view({2, 3, 4, 4});
        // params[3] takes no part: its gradient is undefined in backward, zero after.
        (own * (params[0].sum() + 3 * params[1].sum() + (params[2] * weight).sum())).backward();
        const auto outcome =
            reducer.finish({{"a", torch::tensor(own)}, {"b", torch::tensor(-own)}});
        const double mean = (ranks + 1) / 2.0 + phase;
        EXPECT_TRUE(outcome.finite);
        EXPECT_NEAR(outcome.mean_losses.at("a"), mean, 1e-6);
        EXPECT_NEAR(outcome.mean_losses.at("b"), -mean, 1e-6);
        EXPECT_NEAR(params[0].grad()[299][999].item<double>(), mean, 1e-6);
        EXPECT_NEAR(params[1].grad()[6].item<double>(), 3 * mean, 1e-5);
        EXPECT_TRUE(torch::allclose(params[2].grad(), weight * mean));
        EXPECT_EQ(params[2].grad().strides(), params[2].strides());
        EXPECT_EQ(params[3].grad().abs().max().item<double>(), 0);
      }
    });
  }
}

TEST(GradientReducer, ANonFiniteGradientOnOneRankIsSeenByAll) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    tests::ThreadRanks(3).run([&](Communicator& comm) {
      auto params = parameters();
      GradientReducer reducer(comm, params, {25});
      reducer.arm();
      params[1].sum().backward();
      if (comm.rank() == 1) params[1].mutable_grad()[3] = bad;
      EXPECT_FALSE(reducer.finish({}).finite);
    });
  }
}

TEST(GradientReducer, AnInfiniteLossAloneIsNoReasonToSkip) {
  tests::ThreadRanks(2).run([&](Communicator& comm) {
    auto params = parameters();
    GradientReducer reducer(comm, params, {25});
    reducer.arm();
    params[1].sum().backward();
    const auto outcome = reducer.finish({{"a", torch::tensor(INFINITY)}});
    EXPECT_TRUE(outcome.finite);
    EXPECT_TRUE(std::isinf(outcome.mean_losses.at("a")));
  });
}

}  // namespace
}  // namespace pgan::comm
