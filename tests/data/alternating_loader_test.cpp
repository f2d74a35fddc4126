#include "data/alternating_loader.h"

#include <chrono>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include "data/fixtures.h"

namespace pgan::data {
namespace {

constexpr std::int64_t kMinibatch = 6, kSteps = 12;
constexpr std::uint64_t kSeed = 5;

std::size_t at(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

using Plan = std::function<StepPlan(const Progress&)>;

/// Every ranks-th row.
Plan fixed_plan(std::int64_t rank, std::int64_t ranks) {
  RowShare rows{{}, kMinibatch};
  for (std::int64_t row = rank; row < kMinibatch; row += ranks) rows.rows.push_back(row);
  return [rows](const Progress&) { return StepPlan{{16, 1.0}, rows}; };
}

void expect_equal(const Batch& batch, const Batch& expected) {
  EXPECT_TRUE(batch.data.at("images").equal(expected.data.at("images")));
  EXPECT_TRUE(batch.labels.equal(expected.labels));
  EXPECT_TRUE(batch.global_labels.equal(expected.global_labels));
  EXPECT_EQ(batch.rows.rows, expected.rows.rows);
}

class AlternatingLoaderTest : public testing::Test {
 protected:
  AlternatingLoaderTest()
      : packs_{synth_pack(folders_[0], 17, 16), synth_pack(folders_[1], 24, 16),
               synth_pack(folders_[2], 17, 16)} {}

  std::unique_ptr<Loader> plain(std::int64_t set, const Plan& plan) const {
    const auto& pack = packs_[at(set)];
    const std::uint64_t seed = seed_of_set(kSeed, set);
    return std::make_unique<Loader>(pack, make_streams(pack->info(), seed, true), plan,
                                    LoaderOptions{}, seed, true);
  }

  AlternatingLoader of_sets(std::int64_t sets, std::int64_t rank = 0,
                            std::int64_t ranks = 1) const {
    std::vector<std::unique_ptr<Loader>> loaders;
    for (std::int64_t set = 0; set < sets; ++set) {
      loaders.push_back(plain(set, fixed_plan(rank, ranks)));
    }
    return AlternatingLoader(std::move(loaders), kMinibatch);
  }

  /// Overwrites the pixels of a record of the raw 16-pixel level.
  void damage(std::int64_t set, std::int64_t record) const {
    std::fstream file(folders_[at(set)] / "pack/r0016-00000.tar",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(record * (512 + 1024) + 512 + 100);
    file.write("damage", 6);
  }

  TempFolder folders_[3];
  std::vector<std::shared_ptr<const Pack>> packs_;
};

TEST_F(AlternatingLoaderTest, SetsComeInTurnEachAsALoaderOfItsOwn) {
  for (const std::int64_t sets : {2, 3}) {
    AlternatingLoader loading = of_sets(sets);
    std::vector<std::unique_ptr<Loader>> alone;
    for (std::int64_t set = 0; set < sets; ++set) alone.push_back(plain(set, fixed_plan(0, 1)));
    for (std::int64_t step = 0; step < kSteps; ++step) {
      const Batch batch = loading.next();
      EXPECT_EQ(batch.set, step % sets);
      expect_equal(batch, alone[at(step % sets)]->next());
    }
  }
}

TEST_F(AlternatingLoaderTest, OneSetIsItsLoader) {
  // A minibatch that grows: with one set there is no fixed one.
  const Plan plan = [](const Progress& before) {
    RowShare rows{{0, 1, 2}, 3};
    if (before.step >= 4) rows = {{0, 1, 2, 3, 4}, 5};
    return StepPlan{{8, 1.0}, rows};
  };
  std::vector<std::unique_ptr<Loader>> one;
  one.push_back(plain(0, plan));
  AlternatingLoader loading(std::move(one), 0);
  const auto alone = plain(0, plan);
  for (std::int64_t step = 0; step < kSteps; ++step) {
    if (step == 7) {
      loading.seek({5, 17});
      alone->seek({5, 17});
    }
    const Batch batch = loading.next();
    EXPECT_EQ(batch.set, 0);
    expect_equal(batch, alone->next());
  }
  EXPECT_EQ(seed_of_set(kSeed, 0), kSeed);
}

TEST_F(AlternatingLoaderTest, SeekEqualsRunningThere) {
  for (const std::int64_t sets : {1, 2, 3}) {
    AlternatingLoader straight = of_sets(sets), jumping = of_sets(sets);
    std::vector<Batch> batches;
    for (std::int64_t step = 0; step < kSteps; ++step) batches.push_back(straight.next());
    for (const std::int64_t begin : {0, 7, 1, 4, 8, 3}) {
      jumping.seek({begin, begin * kMinibatch});
      for (std::int64_t step = begin; step < begin + 4; ++step) {
        const Batch batch = jumping.next();
        EXPECT_EQ(batch.set, step % sets);
        expect_equal(batch, batches[at(step)]);
      }
    }
  }
}

/// As after a run that had another minibatch until then, down to no images at all.
TEST_F(AlternatingLoaderTest, AnyProgressGivesOneBatch) {
  for (const std::int64_t images : {0, 1, 7, 100}) {
    AlternatingLoader straight = of_sets(3), jumping = of_sets(3);
    straight.seek({5, images});
    for (std::int64_t i = 0; i < kSteps; ++i) {
      jumping.seek({5 + i, images + i * kMinibatch});
      expect_equal(straight.next(), jumping.next());
    }
  }
}

TEST_F(AlternatingLoaderTest, TwoRanksShareOneRanksBatch) {
  AlternatingLoader whole = of_sets(2), first = of_sets(2, 0, 2), second = of_sets(2, 1, 2);
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const Batch all = whole.next();
    for (AlternatingLoader* part : {&first, &second}) {
      const Batch batch = part->next();
      EXPECT_EQ(batch.set, all.set);
      EXPECT_TRUE(batch.global_labels.equal(all.labels));
      const torch::Tensor rows = torch::tensor(batch.rows.rows);
      ASSERT_EQ(rows.numel(), kMinibatch / 2);
      EXPECT_TRUE(batch.data.at("images").equal(all.data.at("images").index_select(0, rows)));
      EXPECT_TRUE(batch.labels.equal(all.labels.index_select(0, rows)));
    }
  }
}

TEST_F(AlternatingLoaderTest, SetsShareNoOrder) {
  std::set<std::uint64_t> seeds;
  for (std::int64_t set = 0; set < 50; ++set) seeds.insert(seed_of_set(kSeed, set));
  for (std::int64_t set = 1; set < 50; ++set) seeds.insert(seed_of_set(kSeed + 1, set));
  EXPECT_EQ(seeds.size(), 99u);
  // Sets 0 and 2 are the same pictures.
  AlternatingLoader loading = of_sets(3);
  torch::Tensor first = loading.next().data.at("images");
  loading.next();
  EXPECT_FALSE(first.equal(loading.next().data.at("images")));
}

TEST_F(AlternatingLoaderTest, PlansGetTheSetsOwnProgress) {
  std::vector<Progress> seen[2];
  std::vector<std::unique_ptr<Loader>> loaders;
  for (std::int64_t set = 0; set < 2; ++set) {
    loaders.push_back(plain(set, [&seen, set](const Progress& own) {
      seen[set].push_back(own);
      return fixed_plan(0, 1)(own);
    }));
  }
  {
    AlternatingLoader loading(std::move(loaders), kMinibatch);
    for (std::int64_t step = 0; step < 6; ++step) loading.next();
  }
  for (std::int64_t set = 0; set < 2; ++set) {
    ASSERT_GE(seen[set].size(), 3u);
    for (std::int64_t i = 0; i < 3; ++i) {
      const Progress own = seen[set][at(i)];
      EXPECT_EQ(own, (Progress{i, i * kMinibatch}));
      // What the header says a plan may map it back to.
      const Progress run{own.step * 2 + set, own.images * 2 + set * kMinibatch};
      EXPECT_EQ(run.images, run.step * kMinibatch);
      EXPECT_EQ(turn_at(run, 2, kMinibatch).set, set);
      EXPECT_EQ(turn_at(run, 2, kMinibatch).own, own);
    }
  }
}

TEST_F(AlternatingLoaderTest, AnErrorOfOneSetReachesNext) {
  std::vector<std::unique_ptr<Loader>> loaders;
  loaders.push_back(plain(0, fixed_plan(0, 1)));
  loaders.push_back(plain(1, [](const Progress& own) {
    if (own.step == 1) throw DataError("set 1 is gone");
    return fixed_plan(0, 1)(own);
  }));
  AlternatingLoader loading(std::move(loaders), kMinibatch);
  for (std::int64_t step = 0; step < 3; ++step) EXPECT_EQ(loading.next().set, step % 2);
  EXPECT_EQ(message_of([&] { loading.next(); }), "set 1 is gone");
  EXPECT_EQ(message_of([&] { loading.next(); }), "set 1 is gone");
  loading.seek({4, 4 * kMinibatch});
  EXPECT_EQ(loading.next().set, 0);
  EXPECT_EQ(loading.next().set, 1);
}

TEST_F(AlternatingLoaderTest, ReportsOfAllSets) {
  for (std::int64_t set = 0; set < 2; ++set) damage(set, 4 + set);
  AlternatingLoader loading = of_sets(2);
  for (std::int64_t step = 0; step < 2 * kSteps; ++step) loading.next();
  const std::vector<std::string> reports = loading.take_reports();
  ASSERT_EQ(reports.size(), 2u);
  for (std::int64_t set = 0; set < 2; ++set) {
    EXPECT_THAT(reports[at(set)], testing::HasSubstr(packs_[at(set)]->folder().string()));
    EXPECT_THAT(reports[at(set)], testing::HasSubstr("record " + std::to_string(4 + set)));
  }
  EXPECT_TRUE(loading.take_reports().empty());
}

TEST_F(AlternatingLoaderTest, IsReadyWhenTheNextSetIs) {
  AlternatingLoader loading = of_sets(2);
  loading.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_FALSE(loading.ready()) << "set 0 has had time, but a loader begins with its first batch";
  loading.next();
  for (int i = 0; i < 2000 && !loading.ready(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(loading.ready());
}

TEST_F(AlternatingLoaderTest, ChecksItsInputs) {
  EXPECT_THROW(AlternatingLoader({}, kMinibatch), Error);
  const auto two = [&](std::int64_t minibatch) {
    std::vector<std::unique_ptr<Loader>> loaders;
    for (std::int64_t set = 0; set < 2; ++set) loaders.push_back(plain(set, fixed_plan(0, 1)));
    return AlternatingLoader(std::move(loaders), minibatch);
  };
  EXPECT_THROW(two(0), Error);
  AlternatingLoader other = two(8);
  EXPECT_THAT(message_of([&] { other.next(); }),
              testing::HasSubstr("data set 0 planned a step of 6 rows, expected 8"));
}

}  // namespace
}  // namespace pgan::data
