#include "data/loader.h"

#include <chrono>
#include <fstream>
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
    return std::make_unique<Loader>(pack_, streams(), plan, options, kSeed, mirror);
  }

  std::vector<Stream> streams() const { return make_streams(pack_->info(), kSeed, true); }

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
  Loader loading(pack_, streams(), plan, {}, kSeed, true);
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
  Loader stopping(pack_, streams(), plan, {}, kSeed, true);
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
  Loader loading(pack_, streams(), plan, {}, kSeed, true);
  EXPECT_EQ(loading.waited_seconds(), 0);
  for (int i = 0; i < 3; ++i) loading.next();
  EXPECT_GT(loading.waited_seconds(), 0.02);
}

TEST_F(LoaderTest, ChecksItsInputs) {
  const auto plan = [](const Progress&) { return StepPlan{{8, 1.0}, share(0, 1)}; };
  std::vector<Stream> wrong = {{"images", {{0, 30}}, Sampler(31, 1)}};
  EXPECT_THROW(Loader(pack_, wrong, plan, {}, 1, true), DataError);
  EXPECT_THROW(Loader(pack_, streams(), plan, {.threads = 0}, 1, true), ConfigError);
  EXPECT_THROW(Loader(pack_, streams(), plan, {.prefetch = -1}, 1, true), ConfigError);
}

/// Overwrites the pixels of a record of the raw 16-pixel level.
void damage(const TempFolder& folder, std::int64_t record) {
  std::fstream file(folder / "pack/r0016-00000.tar",
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(record * (512 + 1024) + 512 + 100);
  file.write("damage", 6);
}

TEST_F(LoaderTest, DamagedRecordsAreReplacedAndReportedOnce) {
  const auto whole = loader(0, 1, {16, 1.0}, false);
  std::vector<Batch> before;
  for (int step = 0; step < 8; ++step) before.push_back(whole->next());
  damage(folder_, 7);
  const auto loading = loader(0, 1, {16, 1.0}, false), same = loader(0, 1, {16, 1.0}, false);
  std::vector<std::unique_ptr<Loader>> parts = {};
  for (int rank = 0; rank < 2; ++rank) parts.push_back(loader(rank, 2, {16, 1.0}, false));
  const Sampler sampler(30, kSeed);
  std::vector<std::string> reports;
  for (std::int64_t step = 0; step < 8; ++step) {
    const Batch batch = loading->next();
    EXPECT_TRUE(same->next().data.at("images").equal(batch.data.at("images")));
    for (const auto& part : parts) {
      const Batch share = part->next();
      for (std::size_t i = 0; i < share.rows.rows.size(); ++i) {
        EXPECT_TRUE(share.data.at("images")[static_cast<std::int64_t>(i)].equal(
            batch.data.at("images")[share.rows.rows[i]]));
        EXPECT_TRUE(
            share.labels[static_cast<std::int64_t>(i)].equal(batch.labels[share.rows.rows[i]]));
      }
    }
    for (std::int64_t row = 0; row < kGlobal; ++row) {
      const bool hit = sampler.at(step * kGlobal + row) == 7;
      const Batch& old = before[static_cast<std::size_t>(step)];
      EXPECT_EQ(batch.data.at("images")[row].equal(old.data.at("images")[row]), !hit);
      std::int64_t matches = 0;
      for (std::int64_t record = 0; record < 30; ++record) {
        if (record == 7) continue;
        const auto image = pack_->image(record, 16).to(torch::kFloat32) / 127.5 - 1;
        matches += image.allclose(batch.data.at("images")[row], 0, 1e-6) &&
                   pack_->labels()[record].equal(batch.labels[row]);
      }
      EXPECT_EQ(matches, 1) << "a picture of the pack with its own labels";
    }
    EXPECT_TRUE(batch.global_labels.equal(before[static_cast<std::size_t>(step)].global_labels));
    for (const std::string& report : loading->take_reports()) reports.push_back(report);
  }
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_THAT(reports[0], testing::HasSubstr("record 7: its checksum differs; another picture"));
}

TEST_F(LoaderTest, AShardThatIsCutWhileOpenEndsNothing) {
  const auto loading = loader(0, 1, {16, 1.0});
  loading->next();
  fs::resize_file(folder_ / "pack/r0016-00000.tar", 20 * 1536);
  for (int step = 0; step < 20; ++step) EXPECT_NO_THROW(loading->next());
  EXPECT_FALSE(loading->take_reports().empty());
}

TEST_F(LoaderTest, NothingLeftToReadIsAnError) {
  const auto loading = loader(0, 1, {16, 1.0});
  for (std::int64_t record = 0; record < 30; ++record) damage(folder_, record);
  EXPECT_THAT(message_of([&] { loading->next(); }), testing::HasSubstr("16 others in its place"));
}

TEST_F(LoaderTest, TrainsOnTheTrainSplitUnlessToldOtherwise) {
  const std::int64_t train = pack_->info().range(Split::train).count;
  ASSERT_LT(train, 30);
  const std::vector<Stream> streams = make_streams(pack_->info(), kSeed, false);
  EXPECT_EQ(streams[0].records, (std::vector<RecordRange>{{0, train}}));
  EXPECT_EQ(streams[0].sampler.records(), train);
}

TEST_F(LoaderTest, DeepensWhenTheStepWaits) {
  const auto slow_plan = [](const Progress&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    return StepPlan{{8, 1.0}, share(0, 1)};
  };
  Loader adaptive(pack_, streams(), slow_plan, {}, kSeed, true);
  EXPECT_EQ(adaptive.depth(), 2);
  for (int i = 0; i < 5; ++i) adaptive.next();
  EXPECT_GT(adaptive.depth(), 2);
  Loader fixed(pack_, streams(), slow_plan, {.prefetch = 3}, kSeed, true);
  for (int i = 0; i < 5; ++i) fixed.next();
  EXPECT_EQ(fixed.depth(), 3);
}

/// Two domains of 16-pixel pictures: "a" all red, "b" all blue, brighter with the number.
Listing two_domains(bool paired, std::int64_t in_a, std::int64_t in_b) {
  class Plain : public Pictures {
   public:
    torch::Tensor read(const Source& source, const DecodeOptions&) const override {
      torch::Tensor picture = torch::zeros({16, 16, 3}, torch::kUInt8);
      picture.select(2, 2 * source.domain).fill_(100 + static_cast<int>(source.place));
      return picture;
    }
  };
  Listing listing;
  listing.name = "two";
  listing.domains = {"a", "b"};
  listing.paired = paired;
  for (std::int64_t i = 0; i < in_a + in_b; ++i) {
    const bool second = i >= in_a;
    const std::int64_t number = second ? i - in_a : i;
    listing.sources.push_back({.key = std::to_string(1000 + number),
                               .place = static_cast<std::uint64_t>(number),
                               .domain = second ? 1 : 0});
  }
  listing.pictures = std::make_shared<Plain>();
  return listing;
}

TEST(LoaderDomains, EachIsAnEntryOfItsOwn) {
  const TempFolder folder;
  for (const bool paired : {true, false}) {
    const fs::path out = folder / (paired ? "pairs" : "apart");
    write_pack(two_domains(paired, 20, paired ? 20 : 33), out, {}, [](const auto&) {});
    const auto pack = Pack::open(out);
    const auto plan = [](const Progress&) { return StepPlan{{16, 1.0}, share(0, 1)}; };
    Loader loading(pack, make_streams(pack->info(), kSeed, false, true), plan, {}, kSeed, true);
    std::int64_t together = 0;
    for (int step = 0; step < 10; ++step) {
      const Batch batch = loading.next();
      ASSERT_EQ(batch.data.size(), 2u);
      for (std::int64_t row = 0; row < kGlobal; ++row) {
        const auto red = batch.data.at("a")[row].select(0, 0), blue = batch.data.at("b")[row][2];
        EXPECT_EQ(batch.data.at("a")[row][2].max().item<float>(), -1);
        EXPECT_EQ(batch.data.at("b")[row][0].max().item<float>(), -1);
        together += red.equal(blue) ? 1 : 0;
      }
    }
    if (paired) {
      EXPECT_EQ(together, 80);
    } else {
      EXPECT_LT(together, 20);
    }
  }
}

TEST(LoaderLevels, NativeSizesAndReducedJpegs) {
  const TempFolder folder;
  const auto pack =
      synth_pack(folder, 6, 64, {.native = 28, .encode = "raw,32:reduced,64:jpeg:98"});
  for (const std::int64_t side : {28, 32, 64}) {
    const auto plan = [&](const Progress&) { return StepPlan{{side, 1.0}, share(0, 1)}; };
    Loader loading(pack, make_streams(pack->info(), kSeed, true), plan, {}, kSeed, false);
    const torch::Tensor images = loading.next().data.at("images");
    ASSERT_EQ(images.size(3), side);
    const Sampler sampler(6, kSeed);
    for (std::int64_t row = 0; row < kGlobal; ++row) {
      const auto expected = pack->image(sampler.at(row), side).to(torch::kFloat32) / 127.5 - 1;
      EXPECT_TRUE(images[row].allclose(expected, 0, 1e-6));
    }
  }
}

}  // namespace
}  // namespace pgan::data
