#include "comm/gradient_reducer.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "comm_threads.h"

namespace pgan::comm {
namespace {

using Losses = std::map<std::string, torch::Tensor>;

std::vector<torch::Tensor> parameters() {
  return {
      torch::ones({300, 1000}).requires_grad_(true), torch::ones({7}).requires_grad_(true),
      torch::ones({2, 3, 4, 4}).to(at::MemoryFormat::ChannelsLast).detach().requires_grad_(true),
      torch::ones({5}).requires_grad_(true)};
}

GradientReducer::Outcome reduce(GradientReducer& reducer, const torch::Tensor& loss,
                                const Losses& losses = {}) {
  reducer.begin();
  reducer.arm(losses);
  loss.backward();
  reducer.flush();
  return reducer.finish();
}

/// One rank; remembers when each collective was asked for.
class Recorder : public Communicator {
 public:
  explicit Recorder(int ranks) : ranks_(ranks) {}
  std::string_view name() const override { return "recorder"; }
  int rank() const override { return 0; }
  int size() const override { return ranks_; }
  void barrier() override {}
  [[noreturn]] void abort(ExitCode) noexcept override { std::abort(); }
  std::vector<std::string> calls;
  bool aborts = false;  ///< between a work's first wait, which blocks nobody, and its second

 private:
  struct Done : Work {
    explicit Done(bool aborts = false) : aborts_(aborts) {}
    void wait() override {
      if (waits_++ > 0 && aborts_) throw CommError("aborted");
    }
    bool aborts_;
    int waits_ = 0;
  };
  std::unique_ptr<Work> do_all_reduce(torch::Tensor& buffer, ReduceOp) override {
    calls.push_back(call() + " " + std::to_string(buffer.numel()));
    return std::make_unique<Done>(aborts);
  }
  std::unique_ptr<Work> do_broadcast(torch::Tensor&, int) override {
    return std::make_unique<Done>();
  }
  std::unique_ptr<Work> do_all_gather(const torch::Tensor&, torch::Tensor&) override {
    return std::make_unique<Done>();
  }
  int ranks_;
};

TEST(GradientReducer, GradientsAreTheMeanOverRanksAndLossesRideAlong) {
  for (const int ranks : {1, 2, 4}) {
    tests::ThreadRanks(ranks).run([&](Communicator& comm) {
      auto params = parameters();
      GradientReducer reducer(comm, "G", params, {.bucket_mib = 1});  // several buckets
      for (int phase = 0; phase < 2; ++phase) {
        const double own = comm.rank() + 1 + phase;
        const torch::Tensor weight = torch::arange(96, torch::kFloat32).view({2, 3, 4, 4});
        // params[3] takes no part: its gradient is undefined in backward, zero after.
        const auto outcome = reduce(
            reducer, own * (params[0].sum() + 3 * params[1].sum() + (params[2] * weight).sum()),
            {{"a", torch::tensor(own)}, {"b", torch::tensor(-own)}});
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

TEST(GradientReducer, SeveralBackwardPassesAddUpAndOnlyTheArmedOnePosts) {
  tests::ThreadRanks(2).run([](Communicator& comm) {
    auto params = parameters();
    GradientReducer reducer(comm, "G", params, {});
    reducer.begin();
    (params[0].sum() + params[1].sum()).backward();
    ((comm.rank() + 1) * params[1].sum()).backward();
    reducer.arm({});
    (2 * params[1].sum()).backward();
    reducer.flush();
    EXPECT_TRUE(reducer.finish().finite);
    EXPECT_EQ(params[0].grad()[0][0].item<double>(), 1);
    EXPECT_EQ(params[1].grad()[0].item<double>(), 1 + 1.5 + 2);
  });
}

/// What WGAN-GP does: a gradient of a gradient, whose first one must not count as arrived.
TEST(GradientReducer, DoubleBackwardCountsEachGradientOnce) {
  tests::ThreadRanks(2).run([](Communicator& comm) {
    torch::Tensor w = torch::full({3}, 2.0, torch::kFloat64).requires_grad_(true);
    GradientReducer reducer(comm, "D", {w}, {});
    const torch::Tensor x = torch::ones({3}, torch::kFloat64).requires_grad_(true);
    reducer.begin();
    reducer.arm({});
    const torch::Tensor slope = torch::autograd::grad({(w * w * x).sum()}, {x}, {}, true, true)[0];
    ((comm.rank() + 1) * slope.square().sum()).backward();  // d w^4 = 4 w^3
    reducer.flush();
    reducer.finish();
    EXPECT_NEAR(w.grad()[0].item<double>(), 1.5 * 32, 1e-12);
  });
}

TEST(GradientReducer, BucketsArePostedDuringBackwardInTheirOrder) {
  Recorder comm(2);
  std::vector<torch::Tensor> params;
  for (int i = 0; i < 4; ++i)
    params.push_back(torch::ones({1 << 18}).requires_grad_(true));  // 1 MiB
  GradientReducer reducer(comm, "G", params, {.bucket_mib = 2});
  reducer.begin();
  reducer.arm({});
  std::size_t posted_before_first = 99;
  // Backward reaches params[3] first, params[0] last.
  torch::Tensor x = params[0] * 1.0;
  x.register_hook([&](const torch::Tensor&) { posted_before_first = comm.calls.size(); });
  x = ((x * params[1]) * params[2]) * params[3];
  x.sum().backward();
  EXPECT_EQ(posted_before_first, 2U);  // 1 MiB, then 2 MiB, while backward still runs
  reducer.flush();
  EXPECT_THAT(comm.calls,
              ::testing::ElementsAre(::testing::HasSubstr("gradients of G, bucket 1 of 3"),
                                     ::testing::HasSubstr("bucket 2 of 3"),
                                     ::testing::HasSubstr("bucket 3 of 3")));
  reducer.finish();
}

TEST(GradientReducer, ALaterBucketWaitsForAnEarlierOne) {
  Recorder comm(2);
  auto params = parameters();  // the last parameter, in the first bucket, gets no gradient
  GradientReducer reducer(comm, "G", params, {.bucket_mib = 1});
  reducer.begin();
  reducer.arm({});
  params[0].sum().backward();
  EXPECT_TRUE(comm.calls.empty());
  reducer.flush();
  EXPECT_EQ(comm.calls.size(), 2U);
  reducer.finish();
}

/// As on a GPU, where the host first stands still when it reads the numbers.
TEST(GradientReducer, ACollectiveThatWasAbortedMeanwhileDoesNotPassForDone) {
  Recorder comm(2);
  auto params = parameters();
  GradientReducer reducer(comm, "G", params, {});
  comm.aborts = true;
  EXPECT_THROW(reduce(reducer, params[0].sum()), CommError);
}

TEST(GradientReducer, ARebuiltReducerTakesOverTheHooks) {
  Recorder comm(2);
  auto params = parameters();
  auto first = std::make_unique<GradientReducer>(comm, "G", params, ReducerOptions{});
  first.reset();
  params[0].sum().backward();  // no hook may reach the old one
  GradientReducer second(comm, "G", params, {});
  EXPECT_TRUE(reduce(second, params[0].sum()).finite);
}

TEST(GradientReducer, ANonFiniteGradientOnOneRankIsSeenByAll) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const char* dtype : {"exact", "bf16"}) {
      tests::ThreadRanks(3).run([&](Communicator& comm) {
        auto params = parameters();
        GradientReducer reducer(comm, "D", params, {.bucket_dtype = dtype});
        const float factor = comm.rank() == 1 ? bad : 1.0F;
        EXPECT_FALSE(reduce(reducer, (params[1] * factor).sum()).finite);
      });
    }
  }
}

TEST(GradientReducer, AnInfiniteLossAloneIsNoReasonToSkip) {
  tests::ThreadRanks(2).run([&](Communicator& comm) {
    auto params = parameters();
    GradientReducer reducer(comm, "D", params, {});
    const auto outcome = reduce(reducer, params[1].sum(), {{"a", torch::tensor(INFINITY)}});
    EXPECT_TRUE(outcome.finite);
    EXPECT_TRUE(std::isinf(outcome.mean_losses.at("a")));
  });
}

/// Eight bits of mantissa: a mean of two is off by 2^-8 of its size at most. Losses stay exact.
TEST(GradientReducer, Bfloat16BucketsRoundGradientsButNotLosses) {
  tests::ThreadRanks(2).run([&](Communicator& comm) {
    auto params = parameters();
    GradientReducer reducer(comm, "D", params, {.bucket_dtype = "bf16"});
    const torch::Tensor weight = torch::linspace(-3, 3, 96).view({2, 3, 4, 4});
    const double own = comm.rank() == 0 ? 1.0 : 1.75;
    const auto outcome = reduce(reducer, own * (params[2] * weight).sum(),
                                {{"a", torch::tensor(1.0001 + comm.rank())}});
    EXPECT_NEAR(outcome.mean_losses.at("a"), 1.5001, 1e-6);
    const torch::Tensor expected = weight * 1.375;
    EXPECT_FALSE(torch::equal(params[2].grad(), expected));
    EXPECT_LT(((params[2].grad() - expected).abs() / expected.abs()).max().item<double>(),
              3.0 / 256);
  });
}

TEST(ReducerOptions, RefusesWhatCannotBe) {
  EXPECT_THROW(ReducerOptions{.bucket_mib = 0}.validate(), ConfigError);
  EXPECT_THROW(ReducerOptions{.bucket_dtype = "fp8"}.validate(), ConfigError);
  EXPECT_NO_THROW(ReducerOptions{.bucket_dtype = "bf16"}.validate());
}

}  // namespace
}  // namespace pgan::comm
