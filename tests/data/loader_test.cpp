#include "data/loader.h"

#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "core/noise.h"
#include "data/fixtures.h"

namespace pgan::data {
namespace {

constexpr std::int64_t kGlobal = 8;
constexpr std::uint64_t kSeed = 21;

/// Groups of 2: rank k of K owns groups kM/K …, its rows by member, then group.
RowShare share(std::int64_t rank, std::int64_t ranks) {
  const std::int64_t groups = kGlobal / 2;
  RowShare rows{{}, kGlobal};
  for (std::int64_t member = 0; member < 2; ++member) {
    for (std::int64_t group = rank * groups / ranks; group < (rank + 1) * groups / ranks; ++group) {
      rows.rows.push_back(member * groups + group);
    }
  }
  return rows;
}

class LoaderTest : public testing::Test {
 protected:
  LoaderTest() : pack_(synth_pack(folder_, 30, 16)) {}

  std::unique_ptr<Loader> loader(std::int64_t rank = 0, std::int64_t ranks = 1,
                                 Growth growth = {8, 1.0}, bool mirror = true,
                                 LoaderOptions options = {}) const {
    const auto plan = [=](const Progress&) { return StepPlan{growth, share(rank, ranks)}; };
    return std::make_unique<Loader>(pack_, Sampler(30, kSeed), plan, options, kSeed, mirror);
  }

  TempFolder folder_;
  std::shared_ptr<const Pack> pack_;
};

TEST_F(LoaderTest, RowsAreTheSamplersRecords) {
  const auto loading = loader(0, 1, {16, 1.0}, false);
  const Sampler sampler(30, kSeed);
  for (std::int64_t step = 0; step < 6; ++step) {
    const Batch batch = loading->next();
    ASSERT_EQ(batch.data.at("images").sizes(), (std::vector<std::int64_t>{kGlobal, 3, 16, 16}));
    for (std::int64_t row = 0; row < kGlobal; ++row) {
      const std::int64_t record = sampler.at(step * kGlobal + row);
      const auto expected = pack_->image(record, 16).to(torch::kFloat32) / 127.5 - 1;
      EXPECT_TRUE(batch.data.at("images")[row].allclose(expected, 0, 1e-6));
      EXPECT_TRUE(batch.labels[row].equal(pack_->labels()[record]));
    }
    EXPECT_EQ(loading->progress(), (Progress{step + 1, (step + 1) * kGlobal}));
  }
}

TEST_F(LoaderTest, FourRanksShareOneRanksBatch) {
  const auto whole = loader();
  std::vector<std::unique_ptr<Loader>> parts;
  for (std::int64_t rank = 0; rank < 4; ++rank) parts.push_back(loader(rank, 4));
  for (int step = 0; step < 5; ++step) {
    const Batch all = whole->next();
    std::int64_t seen = 0;
    for (const auto& part : parts) {
      const Batch batch = part->next();
      EXPECT_TRUE(batch.global_labels.equal(all.labels));
      for (std::size_t i = 0; i < batch.rows.rows.size(); ++i, ++seen) {
        const std::int64_t row = batch.rows.rows[i], local = static_cast<std::int64_t>(i);
        EXPECT_TRUE(batch.data.at("images")[local].equal(all.data.at("images")[row]));
        EXPECT_TRUE(batch.labels[local].equal(all.labels[row]));
      }
    }
    EXPECT_EQ(seen, kGlobal);
  }
}

TEST_F(LoaderTest, FadeBlendsWithTheLevelBelow) {
  const torch::Tensor x = loader(0, 1, {16, 1.0})->next().data.at("images");
  const torch::Tensor blended = loader(0, 1, {16, 0.3})->next().data.at("images");
  const auto below = x.view({kGlobal, 3, 8, 2, 8, 2}).mean({3, 5});
  const auto up = below.repeat_interleave(2, 2).repeat_interleave(2, 3);
  EXPECT_TRUE(blended.allclose(torch::lerp(up, x, 0.3), 0, 1e-6));
  const torch::Tensor start = loader(0, 1, {16, 0.0})->next().data.at("images");
  EXPECT_TRUE(start.allclose(up, 0, 1e-6));
  EXPECT_FALSE(x.allclose(up, 0, 1e-2));
}

TEST_F(LoaderTest, MirrorsByTheDrawsOfTheStep) {
  const auto plain = loader(0, 1, {16, 1.0}, false), mirrored = loader(0, 1, {16, 1.0}, true);
  std::int64_t flips = 0;
  for (std::int64_t step = 0; step < 40; ++step) {
    const torch::Tensor a = plain->next().data.at("images"), b = mirrored->next().data.at("images");
    const torch::Tensor draws = Noise(kSeed, step, "mirror", share(0, 1)).uniform({});
    const auto order = share(0, 1).rows;
    for (std::int64_t row = 0; row < kGlobal; ++row) {
      const bool flip = draws[row].item<double>() < 0.5;
      flips += flip ? 1 : 0;
      EXPECT_TRUE(b[row].equal(flip ? a[row].flip(2) : a[row]));
    }
  }
  EXPECT_GT(flips, 120);
  EXPECT_LT(flips, 200);
}

TEST_F(LoaderTest, SeekEqualsContinuing) {
  const auto straight = loader(), jumping = loader();
  std::vector<torch::Tensor> batches;
  for (int step = 0; step < 9; ++step) batches.push_back(straight->next().data.at("images"));
  for (const std::int64_t step : {4, 5, 0, 8}) {
    if (step != 5) jumping->seek({step, step * kGlobal});
    EXPECT_TRUE(jumping->next().data.at("images").equal(batches[static_cast<std::size_t>(step)]))
        << step;
  }
}

TEST_F(LoaderTest, ThreadsAndPrefetchChangeNothing) {
  const auto slow = loader(0, 1, {8, 1.0}, true, {.threads = 1, .prefetch = 1});
  const auto fast = loader(0, 1, {8, 1.0}, true, {.threads = 7, .prefetch = 20});
  for (int step = 0; step < 30; ++step) {
    EXPECT_TRUE(slow->next().data.at("images").equal(fast->next().data.at("images"))) << step;
  }
}

TEST_F(LoaderTest, FollowsGrowthAndMinibatch) {
  const auto plan = [](const Progress& before) {
    const bool grown = before.images >= 16;
    RowShare rows{{}, grown ? 4 : 8};
    for (std::int64_t row = 0; row < rows.global; ++row) rows.rows.push_back(row);
    return StepPlan{{grown ? 16 : 8, 1.0}, rows};
  };
  Loader loading(pack_, Sampler(30, kSeed), plan, {}, kSeed, true);
  for (const std::int64_t side : {8, 8, 16, 16})
    EXPECT_EQ(loading.next().data.at("images").size(3), side);
  EXPECT_EQ(loading.progress(), (Progress{4, 24}));
}

TEST_F(LoaderTest, ErrorsOfItsThreadsReachNext) {
  const auto loading = loader(0, 1, {64, 1.0});
  EXPECT_THAT(message_of([&] { loading->next(); }), testing::HasSubstr("has no level of 64"));
  EXPECT_THROW(loading->next(), DataError);
  const auto plan = [](const Progress& before) -> StepPlan {
    if (before.step == 1) throw ConfigError("no plan");
    return {{8, 1.0}, share(0, 1)};
  };
  Loader stopping(pack_, Sampler(30, kSeed), plan, {}, kSeed, true);
  EXPECT_NO_THROW(stopping.next());
  EXPECT_THROW(stopping.next(), ConfigError);
  stopping.seek({2, 16});
  EXPECT_NO_THROW(stopping.next());
}

TEST_F(LoaderTest, CountsItsWaiting) {
  const auto plan = [](const Progress&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    return StepPlan{{8, 1.0}, share(0, 1)};
  };
  Loader loading(pack_, Sampler(30, kSeed), plan, {}, kSeed, true);
  EXPECT_EQ(loading.waited_seconds(), 0);
  for (int i = 0; i < 3; ++i) loading.next();
  EXPECT_GT(loading.waited_seconds(), 0.02);
}

TEST_F(LoaderTest, ChecksItsInputs) {
  const auto plan = [](const Progress&) { return StepPlan{{8, 1.0}, share(0, 1)}; };
  EXPECT_THROW(Loader(pack_, Sampler(31, 1), plan, {}, 1, true), DataError);
  EXPECT_THROW(Loader(pack_, Sampler(30, 1), plan, {.threads = 0}, 1, true), ConfigError);
  EXPECT_THROW(Loader(pack_, Sampler(30, 1), plan, {.prefetch = 0}, 1, true), ConfigError);
}

}  // namespace
}  // namespace pgan::data
