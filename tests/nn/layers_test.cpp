#include <cmath>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/rows.h"
#include "nn/equalized.h"
#include "nn/minibatch_stddev.h"
#include "nn/resample.h"

namespace pgan::nn {
namespace {

const Init kInit{1, torch::kFloat64, torch::kCPU};

TEST(Equalized, ConvolutionScalesTheWeightByGainOverRootFanIn) {
  EqualizedConv2d conv("c", 2, 3, 3, 1.5, kInit);
  const torch::Tensor x = torch::randn({1, 2, 5, 5}, torch::kFloat64);
  const torch::Tensor y = conv.forward(x);
  double sum = 0.0;  // output channel 1 at (2,3), by hand
  for (int c = 0; c < 2; ++c) {
    for (int dy = 0; dy < 3; ++dy) {
      for (int dx = 0; dx < 3; ++dx) {
        sum += x[0][c][1 + dy][2 + dx].item<double>() * conv.weight[1][c][dy][dx].item<double>();
      }
    }
  }
  EXPECT_NEAR(y[0][1][2][3].item<double>(), sum * 1.5 / std::sqrt(18.0), 1e-12);
  EXPECT_EQ(conv.bias.abs().max().item<double>(), 0);
}

TEST(Equalized, FirstWeightsAreStandardNormalAndKeyedByName) {
  EqualizedLinear a("a", 100, 100, 1, kInit), again("a", 100, 100, 1, kInit),
      b("b", 100, 100, 1, kInit);
  EXPECT_TRUE(torch::equal(a.weight, again.weight));
  EXPECT_FALSE(torch::equal(a.weight, b.weight));
  EXPECT_NEAR(a.weight.std().item<double>(), 1, 0.03);
}

TEST(PixelNorm, MakesTheMeanSquareOverChannelsOne) {
  const torch::Tensor y = pixel_norm(torch::randn({2, 7, 3, 3}, torch::kFloat64) * 5);
  EXPECT_LT((y.square().mean(1) - 1).abs().max().item<double>(), 1e-6);
}

TEST(MinibatchStddev, TakesStridedGroups) {
  torch::Tensor x = torch::zeros({4, 1, 1, 1}, torch::kFloat64);
  x[0][0][0][0] = 1.0;  // groups of 2: rows {0,2} and {1,3}
  x[2][0][0][0] = 3.0;
  const torch::Tensor y = minibatch_stddev(x, 2);
  EXPECT_NEAR(y[0].item<double>(), 1.0, 1e-7);  // deviation of {1,3}, biased
  EXPECT_NEAR(y[2].item<double>(), 1.0, 1e-7);
  EXPECT_NEAR(y[1].item<double>(), 1e-4, 1e-12);  // sqrt(0 + 1e-8)
}

TEST(MinibatchStddev, LocalRowsGiveWhatTheWholeMinibatchWould) {
  const torch::Tensor x = torch::randn({16, 3, 2, 2}, torch::kFloat64);
  const torch::Tensor whole = minibatch_stddev(x, 4);
  for (int rank = 0; rank < 2; ++rank) {
    const torch::Tensor rows = torch::tensor(share_rows(16, 4, rank, 2).rows);
    const torch::Tensor part = minibatch_stddev(x.index_select(0, rows), 4);
    EXPECT_TRUE(torch::allclose(part, whole.index_select(0, rows), 0, 1e-14));
  }
}

TEST(Resample, DownUndoesUpAndBlendIsExactAtItsEnds) {
  const torch::Tensor x = torch::randn({1, 2, 3, 3}, torch::kFloat64),
                      y = torch::randn({1, 2, 3, 3}, torch::kFloat64);
  EXPECT_TRUE(torch::allclose(downsample_mean(upsample_nearest(x)), x, 0, 1e-15));
  EXPECT_TRUE(torch::equal(blend(x, y, 0), x));
  EXPECT_TRUE(torch::equal(blend(x, y, 1), y));
}

}  // namespace
}  // namespace pgan::nn
