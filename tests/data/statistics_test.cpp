#include "data/statistics.h"

#include <cmath>

#include "data/fixtures.h"

namespace pgan::data {
namespace {

/// Records with these labels, the first `train` of them for training.
std::shared_ptr<const Pack> labelled_pack(const TempFolder& folder,
                                          const std::vector<std::vector<float>>& labels,
                                          std::int64_t train) {
  class Black : public Pictures {
   public:
    torch::Tensor read(const Source&, const DecodeOptions&) const override {
      return torch::zeros({4, 4, 3}, torch::kUInt8);
    }
  };
  Listing listing;
  listing.name = "labelled";
  for (std::size_t i = 0; i < labels[0].size(); ++i) {
    listing.label_names.push_back("label" + std::to_string(i));
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool held = static_cast<std::int64_t>(i) >= train;
    listing.has_split = listing.has_split || held;
    listing.sources.push_back({.key = std::to_string(1000 + i),
                               .labels = labels[i],
                               .split = held ? Split::test : Split::train});
  }
  listing.pictures = std::make_shared<Black>();
  write_pack(listing, folder / "pack", {}, [](const auto&) {});
  return Pack::open(folder / "pack");
}

TEST(LabelStatistics, OverAllRecordsOrSome) {
  const TempFolder folder;
  const auto pack = labelled_pack(
      folder, {{1, 0, 0.5F}, {0, 0, 2.5F}, {1, 0, -1}, {1, 0, 4}, {0, 1, 0}, {0, 0.5F, 1}}, 4);
  const auto all = label_statistics(*pack);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(all[0].binary);
  EXPECT_DOUBLE_EQ(all[0].mean, 0.5);
  EXPECT_DOUBLE_EQ(all[0].deviation, 0.5);
  EXPECT_TRUE(all[0].bins.empty());
  EXPECT_FALSE(all[1].binary);
  EXPECT_EQ(all[2].low, -1);
  EXPECT_EQ(all[2].high, 4);
  EXPECT_DOUBLE_EQ(all[2].mean, 7.0 / 6);
  EXPECT_NEAR(all[2].deviation, std::sqrt(24.5 / 6 - 49.0 / 36), 1e-12);
  ASSERT_EQ(all[2].bins.size(), 16u);
  EXPECT_EQ(all[2].bins.front(), 1);
  EXPECT_EQ(all[2].bins[3], 1);
  EXPECT_EQ(all[2].bins[4], 1);
  EXPECT_EQ(all[2].bins.back(), 1);

  const auto trained = label_statistics(*pack, {pack->info().range(Split::train)});
  EXPECT_DOUBLE_EQ(trained[0].mean, 0.75);
  EXPECT_TRUE(trained[1].binary);
  EXPECT_EQ(trained[1].low, 0);
  EXPECT_EQ(trained[1].high, 0) << "all equal in training";
  EXPECT_DOUBLE_EQ(trained[2].mean, 1.5);
  const auto apart = label_statistics(*pack, {{0, 1}, {4, 2}});
  EXPECT_DOUBLE_EQ(apart[1].mean, 0.5);
  EXPECT_EQ(apart[1].high, 1);
}

TEST(LabelStatistics, TellsClassesFromAttributes) {
  const TempFolder folder;
  const auto pack = labelled_pack(
      folder, {{1, 0, 0}, {0, 0, 1}, {0, 1, 0}, {1, 1, -1}, {0, 0, 0}, {2, -1, 0}}, 6);
  EXPECT_TRUE(one_of_n(*pack, {{0, 3}}));
  EXPECT_TRUE(one_of_n(*pack, {{0, 1}, {2, 1}}));
  EXPECT_FALSE(one_of_n(*pack, {{0, 4}})) << "sums to one, but not of ones";
  EXPECT_FALSE(one_of_n(*pack, {{0, 3}, {4, 1}})) << "none set";
  EXPECT_FALSE(one_of_n(*pack, {{5, 1}}));
  const TempFolder single;
  EXPECT_FALSE(one_of_n(*labelled_pack(single, {{1}, {1}}, 2), {{0, 2}})) << "one class is none";
}

}  // namespace
}  // namespace pgan::data
