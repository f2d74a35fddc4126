#include "train/device_feed.h"

#include "data/fixtures.h"
#include "data/loader.h"

namespace pgan::train {
namespace {

/// The loader's batches, and no others, in the model's type. Copying ahead needs a GPU.
TEST(DeviceFeed, GivesTheLoadersBatchesInTheModelsType) {
  const data::TempFolder folder;
  const auto pack = data::synth_pack(folder, 20, 8);
  const auto plan = [](const Progress& before) -> data::StepPlan {
    if (before.step == 4) throw DataError("no more");
    return {{8, 1.0}, RowShare{{0, 1, 2, 3}, 4}};
  };
  const auto make = [&] {
    return std::make_unique<data::Loader>(pack, data::make_streams(pack->info(), 1, true), plan,
                                          data::LoaderOptions{}, 1, true);
  };
  const auto plain = make(), fed = make();
  DeviceFeed feed(*fed, torch::kCPU, torch::kFloat64);
  for (const std::int64_t step : {0, 1, 2, 0, 1, 2, 3}) {
    if (step == 0) {
      plain->seek({0, 0});
      feed.seek({0, 0});
    }
    const Batch expected = plain->next(), batch = feed.next();
    EXPECT_EQ(batch.data.at("images").scalar_type(), torch::kFloat64);
    EXPECT_TRUE(batch.data.at("images").equal(expected.data.at("images").to(torch::kFloat64)));
    EXPECT_TRUE(batch.labels.equal(expected.labels.to(torch::kFloat64)));
    EXPECT_EQ(batch.rows.rows, expected.rows.rows);
  }
  EXPECT_THROW(feed.next(), DataError);
}

}  // namespace
}  // namespace pgan::train
