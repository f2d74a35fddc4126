#include "data/sampler.h"

#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"

namespace pgan::data {
namespace {

std::vector<std::int64_t> epoch(const Sampler& sampler, std::int64_t number) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < sampler.records(); ++i) {
    out.push_back(sampler.at(number * sampler.records() + i));
  }
  return out;
}

TEST(Sampler, EveryEpochIsAPermutation) {
  for (const std::int64_t records : {1, 2, 3, 4, 5, 7, 16, 17, 100, 1000, 4097}) {
    const Sampler sampler(records, 5);
    for (const std::int64_t number : {0, 1, 2}) {
      const auto order = epoch(sampler, number);
      const std::set<std::int64_t> seen(order.begin(), order.end());
      EXPECT_EQ(static_cast<std::int64_t>(seen.size()), records);
      EXPECT_EQ(*seen.begin(), 0);
      EXPECT_EQ(*seen.rbegin(), records - 1);
    }
  }
}

TEST(Sampler, EpochsAndSeedsDiffer) {
  const Sampler a(1000, 5), same(1000, 5), other(1000, 6);
  EXPECT_EQ(epoch(a, 3), epoch(same, 3));
  EXPECT_NE(epoch(a, 0), epoch(a, 1));
  EXPECT_NE(epoch(a, 0), epoch(other, 0));
}

TEST(Sampler, OrderLooksRandom) {
  // Chi-square of (record's tenth) over the first tenth of 400 epochs: 9 degrees of freedom, so a
  // fair permutation stays below 33.7 in all but one case of ten thousand.
  const Sampler sampler(100, 11);
  std::vector<double> tenths(10);
  for (std::int64_t number = 0; number < 400; ++number) {
    for (std::int64_t i = 0; i < 10; ++i)
      tenths[static_cast<std::size_t>(sampler.at(number * 100 + i) / 10)] += 1;
  }
  double chi = 0;
  for (const double count : tenths) chi += (count - 400) * (count - 400) / 400;
  EXPECT_LT(chi, 33.7);
}

TEST(Sampler, HundredMillionRecords) {
  const Sampler sampler(100'000'000, 1);
  std::set<std::int64_t> seen;
  for (std::int64_t i = 0; i < 20'000; ++i) {
    const std::int64_t record = sampler.at(250'000'000 + i);
    EXPECT_GE(record, 0);
    EXPECT_LT(record, 100'000'000);
    seen.insert(record);
  }
  EXPECT_EQ(seen.size(), 20'000u);
}

TEST(Sampler, NeedsRecords) {
  EXPECT_THROW(Sampler(0, 1), DataError);
}

}  // namespace
}  // namespace pgan::data
