#include <gtest/gtest.h>

#include "checkpoint/retention.h"
#include "fixture.h"

namespace pgan::checkpoint {
namespace {

namespace fs = std::filesystem;

std::vector<std::int64_t> deleted(const std::vector<std::int64_t>& images, std::int64_t committed,
                                  StoreOptions options, const Rating& rating = nullptr) {
  std::vector<Listed> checkpoints;
  for (const std::int64_t at : images) checkpoints.push_back({folder_name(at), at});
  std::vector<std::int64_t> result;
  for (const Listed& one : expendable(checkpoints, committed, options, rating))
    result.push_back(one.images);
  return result;
}

using Numbers = std::vector<std::int64_t>;

TEST(RetentionRule, KeepsTheNewest) {
  EXPECT_EQ(deleted({1, 2, 9, 10}, 10, {.keep_last = 2}), (Numbers{1, 2}));
  EXPECT_EQ(deleted({1, 2}, 2, {.keep_last = 3}), Numbers{});
  EXPECT_EQ(deleted({1, 2, 3}, 3, {.keep_last = 0}), Numbers{});
}

TEST(RetentionRule, LeavesAnotherBranchOfTheRunAlone) {
  EXPECT_EQ(deleted({1, 2, 3, 100, 200}, 3, {.keep_last = 1}), (Numbers{1, 2}));
}

TEST(RetentionRule, KeepsTheFirstOfEachPeriod) {
  const StoreOptions options{.keep_last = 1, .keep_every_kimg = 1};
  EXPECT_EQ(deleted({0, 400, 1100, 1500, 2000, 2900, 3100}, 3100, options),
            (Numbers{400, 1500, 2900}));
}

TEST(RetentionRule, KeepsTheBestAndTheEarlierOfEquals) {
  const std::map<std::int64_t, double> ratings{{1, -5}, {2, -3}, {3, -3}, {4, NAN}};
  const Rating rating = [&](std::int64_t images) -> std::optional<double> {
    const auto found = ratings.find(images);
    return found == ratings.end() ? std::nullopt : std::optional(found->second);
  };
  EXPECT_EQ(deleted({1, 2, 3, 4, 5}, 5, {.keep_last = 1}, rating), (Numbers{1, 3, 4}));
  EXPECT_EQ(deleted({4, 5}, 5, {.keep_last = 1}, rating), (Numbers{4}));
}

TEST(RetentionRule, OptionsAreChecked) {
  EXPECT_THROW((StoreOptions{.keep_last = -1}.validate()), ConfigError);
  EXPECT_NO_THROW(StoreOptions{}.validate());
}

using Retention = CheckpointTest;

TEST_F(Retention, DeletesInNumericOrderAfterTheCommitAndMovesLatest) {
  // Text order would put the 13 digits before the 12.
  const std::int64_t big = 1'000'000'000'000;
  save_run(folder_, 2, {999'999'999'998, 999'999'999'999, big}, {.keep_last = 2});
  const auto left = list(folder_);
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].images, big - 1);
  EXPECT_EQ(left[1].images, big);
  EXPECT_EQ(fs::read_symlink(folder_ / "latest"), folder_name(big));
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder_)) ++entries;
  EXPECT_EQ(entries, 3);
}

TEST_F(Retention, WhatIsBeyondAWholeOneIsSetAsideNotDeleted) {
  save_run(folder_, 1, {64, 128, 192});
  fs::create_directories(folder_ / "damaged-images-000000000192");
  set_aside_beyond(folder_, 64);
  ASSERT_EQ(list(folder_).size(), 1u);
  EXPECT_TRUE(fs::exists(folder_ / "damaged-images-000000000128" / kManifestName));
  EXPECT_TRUE(fs::exists(folder_ / "damaged-images-000000000192.2" / kManifestName));
}

TEST_F(Retention, SavingTheSameClockAgainReplacesIt) {
  save_run(folder_, 2, {64});
  tests::ThreadRanks(3).run([&](comm::Communicator& host) {
    Store store(folder_, host, {});
    save(store, host, 64, make_state(65));
    const TensorMap targets = blank_like(make_state(65));
    load_into(*find_newest(folder_, host), targets, host);
    expect_equal(targets, make_state(65));
  });
  ASSERT_EQ(list(folder_).size(), 1u);
}

}  // namespace
}  // namespace pgan::checkpoint
