#include "data/resample.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "data/crop.h"
#include "data/fixtures.h"

namespace pgan::data {
namespace {

/// Keys' cubic written out piece by piece, in double.
double keys(double t) {
  t = std::fabs(t);
  if (t <= 1) return 1.5 * t * t * t - 2.5 * t * t + 1;
  if (t < 2) return -0.5 * t * t * t + 2.5 * t * t - 4 * t + 2;
  return 0;
}

/// One output sample straight from the definition: a weighted mean over every input pixel, both
/// axes at once.
double reference(const torch::Tensor& plane, std::int64_t side, double x, double y, double scale) {
  const double stretch = std::max(scale, 1.0);
  const auto pixels = plane.accessor<double, 2>();
  double sum = 0, total = 0;
  for (std::int64_t j = 0; j < side; ++j) {
    const double row = keys((static_cast<double>(j) + 0.5 - (y + 0.5) * scale) / stretch);
    if (row == 0) continue;
    for (std::int64_t i = 0; i < side; ++i) {
      const double weight =
          row * keys((static_cast<double>(i) + 0.5 - (x + 0.5) * scale) / stretch);
      sum += weight * pixels[j][i];
      total += weight;
    }
  }
  return std::clamp(sum / total, 0.0, 255.0);
}

void expect_reference(const torch::Tensor& picture, std::int64_t to) {
  const std::int64_t from = picture.size(0);
  const torch::Tensor resized = resize_square(picture, to);
  ASSERT_EQ(resized.sizes(), (torch::IntArrayRef{3, to, to}));
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  for (std::int64_t c = 0; c < 3; ++c) {
    const torch::Tensor plane = picture.select(2, c).to(torch::kFloat64).contiguous();
    for (std::int64_t y = 0; y < to; ++y) {
      for (std::int64_t x = 0; x < to; ++x) {
        ASSERT_NEAR(resized[c][y][x].item<double>(),
                    reference(plane, from, static_cast<double>(x), static_cast<double>(y), scale),
                    2e-4)
            << from << " to " << to << " at " << c << "," << y << "," << x;
      }
    }
  }
}

TEST(Resize, IsTheDefinitionInDouble) {
  torch::manual_seed(4);
  for (const auto& [from, to] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {21, 8}, {16, 4}, {8, 13}, {9, 16}, {1, 4}, {11, 12}, {30, 9}}) {
    const torch::Tensor picture = torch::randint(0, 256, {from, from, 3}, torch::kFloat64);
    expect_reference(picture.to(torch::kUInt8), to);
    expect_reference(picture.to(torch::kFloat32), to);
  }
}

TEST(Resize, TakesACutOfALargerPicture) {
  torch::manual_seed(5);
  const torch::Tensor whole =
      torch::randint(0, 256, {20, 30, 3}, torch::kFloat64).to(torch::kUInt8);
  const torch::Tensor cut = cut_square(whole, {7, 2, 15});
  EXPECT_TRUE(resize_square(cut, 8).equal(resize_square(cut.contiguous(), 8)));
  EXPECT_TRUE(resize_square(cut, 15).equal(cut.permute({2, 0, 1}).to(torch::kFloat32)));
}

TEST(Resize, AgreesWithLibTorch) {
  torch::manual_seed(6);
  for (const std::int64_t to : {64, 128, 300}) {
    const torch::Tensor picture = torch::randint(0, 256, {178, 178, 3}, torch::kFloat64);
    const torch::Tensor planes = picture.permute({2, 0, 1}).to(torch::kFloat32).contiguous();
    const torch::Tensor theirs =
        at::_upsample_bicubic2d_aa(planes.unsqueeze(0), {to, to}, false).squeeze(0).clamp(0, 255);
    const torch::Tensor ours = resize_square(picture.to(torch::kUInt8), to);
    EXPECT_LT((ours - theirs).abs().max().item<double>(), 0.01) << to;
  }
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
