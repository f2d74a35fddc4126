#include "train/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "train/eta.h"

namespace pgan::train {
namespace {

ScheduleOptions published() {
  ScheduleOptions options;
  options.resolution = 1024;
  return options;
}

TEST(Schedule, EachResolutionIsFullyInWhenThePublishedRunsIs) {
  const Schedule schedule(published());
  std::int64_t kimg = 1200;
  for (std::int64_t r = 8; r <= 1024; r *= 2, kimg += 1200) {
    EXPECT_EQ(schedule.growth_at(kimg * 1000), (Growth{r, 1.0}));
    EXPECT_EQ(schedule.growth_at(kimg * 1000 - 1).resolution, r);
    EXPECT_LT(schedule.growth_at(kimg * 1000 - 1).alpha, 1);
    EXPECT_DOUBLE_EQ(schedule.growth_at(kimg * 1000 - 300000).alpha, 0.5);
    EXPECT_EQ(schedule.growth_at(kimg * 1000 - 600000), (Growth{r / 2, 1.0}));
  }
  EXPECT_EQ(schedule.total_images(), 12000000);
  EXPECT_EQ(schedule.growth_at(0), (Growth{4, 1.0}));
  EXPECT_EQ(schedule.growth_at(std::int64_t{1} << 50), (Growth{1024, 1.0}));
}

TEST(Schedule, WithoutAFadeResolutionsFollowAtOnce) {
  ScheduleOptions options = published();
  options.resolution = 16;
  options.fade_kimg = 0;
  options.stable_kimg = 1;
  const Schedule schedule(options);
  EXPECT_EQ(schedule.growth_at(999), (Growth{4, 1.0}));
  EXPECT_EQ(schedule.growth_at(1000), (Growth{8, 1.0}));
  EXPECT_EQ(schedule.growth_at(2000), (Growth{16, 1.0}));
}

TEST(Schedule, ValuesHoldUpToTheNextListedResolution) {
  ScheduleOptions options = published();
  options.minibatch = "4:128,32:64,256:8";
  options.learning_rate = "4:0.001,1024:0.0015";
  const Schedule schedule(options);
  EXPECT_EQ(schedule.minibatch_at({16, 1}), 128);
  EXPECT_EQ(schedule.minibatch_at({32, 1}), 64);
  EXPECT_EQ(schedule.minibatch_at({128, 1}), 64);
  EXPECT_EQ(schedule.minibatch_at({1024, 1}), 8);
  const std::int64_t last = schedule.total_images() - 1;
  EXPECT_EQ(schedule.growth_at(last), (Growth{1024, 1}));
  EXPECT_EQ(schedule.learning_rate_at(0), 0.001);
  EXPECT_EQ(schedule.learning_rate_at(last), 0.0015);
}

TEST(Schedule, TheRateFallsToZeroOverTheLastShare) {
  ScheduleOptions options;
  options.resolution = options.start_resolution = 64;
  options.grows = false;
  options.total_kimg = 3200;
  options.learning_rate = "0.0001";
  options.rate_decay = 0.5;
  const Schedule schedule(options);
  EXPECT_EQ(schedule.growth_at(0), (Growth{64, 1.0}));
  EXPECT_EQ(schedule.learning_rate_at(0), 0.0001);
  EXPECT_EQ(schedule.learning_rate_at(1600000), 0.0001);
  EXPECT_DOUBLE_EQ(schedule.learning_rate_at(2400000), 0.00005);
  EXPECT_DOUBLE_EQ(schedule.learning_rate_at(3199984), 0.0001 * 16 / 1600000);
  EXPECT_EQ(schedule.learning_rate_at(3200000), 0);
  EXPECT_EQ(schedule.learning_rate_at(4000000), 0);
}

TEST(Schedule, BadOptionsAreNamed) {
  const auto message = [](const std::function<void(ScheduleOptions&)>& spoil) -> std::string {
    ScheduleOptions options = published();
    spoil(options);
    try {
      const Schedule schedule(options);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(message([](auto& o) { o.minibatch = "0"; }), HasSubstr("--minibatch 0"));
  EXPECT_THAT(message([](auto& o) { o.minibatch = "4:16,8"; }), HasSubstr("--minibatch"));
  EXPECT_THAT(message([](auto& o) { o.minibatch = "4:16,,8:4"; }), HasSubstr("--minibatch"));
  EXPECT_THAT(message([](auto& o) { o.minibatch = "8:16"; }),
              HasSubstr("no value for resolution 4"));
  EXPECT_THAT(message([](auto& o) { o.minibatch = "4:16,4:8"; }), HasSubstr("twice"));
  EXPECT_THAT(message([](auto& o) { o.minibatch = "5:16"; }), HasSubstr("power of two"));
  EXPECT_THAT(message([](auto& o) { o.minibatch = "2.5"; }), HasSubstr("whole"));
  EXPECT_THAT(message([](auto& o) { o.learning_rate = "-1"; }), HasSubstr("--learning-rate"));
  EXPECT_THAT(message([](auto& o) { o.resolution = 48; }), HasSubstr("--resolution 48"));
  EXPECT_THAT(message([](auto& o) { o.start_resolution = 2048; }), HasSubstr("--start-resolution"));
  EXPECT_THAT(message([](auto& o) { o.stable_kimg = -1; }), HasSubstr("--stable-kimg"));
  EXPECT_THAT(message([](auto& o) { o.stable_kimg = o.fade_kimg = 0; }), HasSubstr("--total-kimg"));
}

TEST(Crosses, CountsMultiplesInTheHalfOpenInterval) {
  EXPECT_TRUE(crosses(10, 5, 10));
  EXPECT_FALSE(crosses(10, 10, 19));
  EXPECT_TRUE(crosses(10, 19, 35));
  EXPECT_FALSE(crosses(0, 0, 100));
}

TEST(Eta, AddsUpResolutionsAtTheirOwnSpeed) {
  ScheduleOptions options = published();
  options.resolution = 8;
  options.stable_kimg = options.fade_kimg = 1;
  options.total_kimg = 4;
  const Schedule schedule(options);
  Eta eta(schedule);
  eta.measured(4, 100, 1.0);                             // 10 ms an image
  EXPECT_NEAR(eta.seconds_left(0, 4000), 10 + 90, 0.5);  // 3,000 at three times the cost
  eta.measured(8, 100, 2.0);
  EXPECT_NEAR(eta.seconds_left(0, 4000), 10 + 60, 0.5);
  EXPECT_EQ(eta.seconds_left(4000, 4000), 0);
}

}  // namespace
}  // namespace pgan::train
