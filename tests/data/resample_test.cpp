#include "data/resample.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "data/crop.h"
#include "data/fixtures.h"

namespace pgan::data {
namespace {

TEST(Crop, CelebaBoxes) {
  EXPECT_EQ(crop_square(Crop::celeba_128, 178, 218, "f"), (Square{25, 57, 128}));
  EXPECT_EQ(crop_square(Crop::celeba_178, 178, 218, "f"), (Square{0, 20, 178}));
  EXPECT_EQ(crop_square(Crop::celeba_128, 356, 436, "f"), (Square{50, 114, 256}));
  EXPECT_EQ(crop_square(Crop::celeba_128, 89, 109, "f"), (Square{13, 29, 64}));
  EXPECT_EQ(crop_square(Crop::celeba_178, 89, 109, "f"), (Square{0, 10, 89}));
}

TEST(Crop, CentreAndAutomatic) {
  EXPECT_EQ(crop_square(Crop::center, 100, 60, "f"), (Square{20, 0, 60}));
  EXPECT_EQ(crop_square(Crop::automatic, 178, 218, "f"), (Square{25, 57, 128}));
  EXPECT_EQ(crop_square(Crop::automatic, 64, 64, "f"), (Square{0, 0, 64}));
  EXPECT_EQ(crop_square(Crop::center, 1, 1, "f"), (Square{0, 0, 1}));
}

TEST(Crop, OtherShapesAndNamesAreRefused) {
  EXPECT_THROW(crop_square(Crop::celeba_128, 64, 64, "f"), DataError);
  EXPECT_THROW(parse_crop("centre"), ConfigError);
  EXPECT_EQ(parse_crop("celeba-178"), Crop::celeba_178);
}

TEST(Levels, AreMeansOfUnroundedFloats) {
  const torch::Tensor picture =
      torch::randint(0, 256, {16, 16, 3}, torch::kFloat64).to(torch::kUInt8);
  const auto levels = make_levels(picture, 16);
  ASSERT_EQ(levels.size(), 3u);
  EXPECT_TRUE(levels[0].equal(picture.permute({2, 0, 1})));
  // Level 4 is a mean of 4x4 blocks of the source; rounding level 8 first would differ in places.
  const auto source = picture.permute({2, 0, 1}).to(torch::kFloat64).contiguous();
  const double* from = source.const_data_ptr<double>();
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t y = 0; y < 4; ++y) {
      for (std::int64_t x = 0; x < 4; ++x) {
        double sum = 0;
        for (std::int64_t i = 0; i < 16; ++i)
          sum += from[c * 256 + (4 * y + i / 4) * 16 + 4 * x + i % 4];
        EXPECT_EQ(levels[2][c][y][x].item<int>(), static_cast<int>(std::nearbyint(sum / 16)));
      }
    }
  }
}

TEST(Levels, RoundTiesToEven) {
  const auto image = torch::tensor({0.5f, 1.5f, 2.5f, -3.0f, 300.0f, 254.5f}).view({1, 2, 3});
  const auto rounded = round_pixels(image).flatten();
  const std::vector<int> expected = {0, 2, 2, 0, 255, 254};
  for (std::int64_t i = 0; i < 6; ++i)
    EXPECT_EQ(rounded[i].item<int>(), expected[static_cast<std::size_t>(i)]);
}

TEST(Levels, ReductionIsAntialiased) {
  // Stripes one pixel wide are grey at an eighth of the size; without antialiasing they would
  // alias.
  torch::Tensor picture = torch::zeros({64, 64, 3}, torch::kUInt8);
  picture.slice(1, 0, 64, 2).fill_(255);
  const auto small = resize_square(picture, 8);
  EXPECT_LT((small - 127.5).abs().max().item<double>(), 6);
  EXPECT_GE(resize_square(picture, 48).min().item<double>(), 0);
}

}  // namespace
}  // namespace pgan::data
