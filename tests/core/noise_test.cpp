#include "core/noise.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/rows.h"

namespace pgan {
namespace {

/// Known answers published with the Random123 library (kat_vectors, philox4x32 10).
TEST(Philox, MatchesPublishedVectors) {
  const auto expect = [](PhiloxBlock block, std::uint32_t a, std::uint32_t b, std::uint32_t c,
                         std::uint32_t d) {
    EXPECT_EQ(block.word[0], a);
    EXPECT_EQ(block.word[1], b);
    EXPECT_EQ(block.word[2], c);
    EXPECT_EQ(block.word[3], d);
  };
  expect(philox(0, 0, 0), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
  const std::uint64_t ones = ~std::uint64_t{0};
  expect(philox(ones, ones, ones), 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
  expect(philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e), 0xd16cfe09, 0x94fdcceb,
         0x5001e420, 0x24126ea1);
}

TEST(Noise, ARowsValuesDoNotDependOnTheRankItLivesOn) {
  const torch::Tensor whole = Noise(7, 3, "D", share_rows(16, 4, 0, 1)).normal({5});
  const RowShare all = share_rows(16, 4, 0, 1);
  for (int rank = 0; rank < 4; ++rank) {
    const RowShare share = share_rows(16, 4, rank, 4);
    const torch::Tensor part = Noise(7, 3, "D", share).normal({5});
    for (std::size_t i = 0; i < share.rows.size(); ++i) {
      const auto at = std::ranges::find(all.rows, share.rows[i]) - all.rows.begin();
      EXPECT_TRUE(torch::equal(part[static_cast<std::int64_t>(i)], whole[at]));
    }
  }
}

TEST(Noise, EveryPartOfTheKeyMatters) {
  const RowShare rows = share_rows(4, 4, 0, 1);
  const torch::Tensor base = Noise(1, 2, "D", rows).normal({8});
  EXPECT_TRUE(torch::equal(base, Noise(1, 2, "D", rows).normal({8})));
  EXPECT_FALSE(torch::equal(base, Noise(2, 2, "D", rows).normal({8})));
  EXPECT_FALSE(torch::equal(base, Noise(1, 3, "D", rows).normal({8})));
  EXPECT_FALSE(torch::equal(base, Noise(1, 2, "G", rows).normal({8})));
  Noise twice(1, 2, "D", rows);
  EXPECT_FALSE(torch::equal(twice.normal({8}), twice.normal({8})));
}

TEST(Noise, MomentsAreThoseOfTheDistributions) {
  RowShare rows{{}, 1000};
  for (std::int64_t i = 0; i < 1000; ++i) rows.rows.push_back(i);
  Noise noise(5, 0, "x", rows, torch::kFloat64);
  const torch::Tensor normal = noise.normal({100});
  EXPECT_NEAR(normal.mean().item<double>(), 0, 0.015);
  EXPECT_NEAR(normal.var().item<double>(), 1, 0.02);
  EXPECT_NEAR(normal.pow(4).mean().item<double>(), 3, 0.15);
  const torch::Tensor uniform = noise.uniform({100});
  EXPECT_NEAR(uniform.mean().item<double>(), 0.5, 0.005);
  EXPECT_NEAR(uniform.var().item<double>(), 1.0 / 12, 0.002);
  EXPECT_GE(uniform.min().item<double>(), 0);
  EXPECT_LT(uniform.max().item<double>(), 1);
  const torch::Tensor counts = torch::bincount(noise.integers(7, {100}).flatten(), {}, 7);
  EXPECT_EQ(counts.size(0), 7);
  EXPECT_NEAR(counts.max().item<double>(), 1e5 / 7, 600);
}

TEST(Noise, PermutationIsOneAndTheSameOnEveryRank) {
  const torch::Tensor a = Noise(1, 2, "p", share_rows(32, 4, 0, 4)).permutation();
  const torch::Tensor b = Noise(1, 2, "p", share_rows(32, 4, 3, 4)).permutation();
  EXPECT_TRUE(torch::equal(a, b));
  EXPECT_TRUE(torch::equal(std::get<0>(a.sort()), torch::arange(32)));
  EXPECT_FALSE(torch::equal(a, torch::arange(32)));
}

TEST(NamedNormal, DependsOnSeedAndNameAlone) {
  const torch::Tensor a = named_normal(1, "G.4.conv.weight", {3, 4});
  EXPECT_TRUE(torch::equal(a, named_normal(1, "G.4.conv.weight", {3, 4})));
  EXPECT_FALSE(torch::equal(a, named_normal(1, "D.4.conv.weight", {3, 4})));
  EXPECT_FALSE(torch::equal(a, named_normal(2, "G.4.conv.weight", {3, 4})));
}

TEST(NamedUniform, DependsOnSeedAndNameAloneAndFillsTheUnitInterval) {
  const torch::Tensor a = named_uniform(1, "G.main.0.weight", {101, 99});
  EXPECT_EQ(a.scalar_type(), torch::kFloat64);
  EXPECT_TRUE(torch::equal(a, named_uniform(1, "G.main.0.weight", {101, 99})));
  EXPECT_FALSE(torch::equal(a, named_uniform(1, "D.main.0.weight", {101, 99})));
  EXPECT_FALSE(torch::equal(a, named_uniform(2, "G.main.0.weight", {101, 99})));
  EXPECT_GE(a.min().item<double>(), 0);
  EXPECT_LT(a.max().item<double>(), 1);
  EXPECT_NEAR(a.mean().item<double>(), 0.5, 0.015);
  EXPECT_NEAR(a.var().item<double>(), 1.0 / 12, 0.004);
  // Neighbours are independent: every element has a draw of its own.
  const torch::Tensor flat = a.flatten();
  const torch::Tensor product = (flat.slice(0, 1) - 0.5) * (flat.slice(0, 0, -1) - 0.5);
  EXPECT_NEAR(product.mean().item<double>(), 0, 0.004);
}

}  // namespace
}  // namespace pgan
