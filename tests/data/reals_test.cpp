#include "data/reals.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace pgan::data {
namespace {

/// Every byte in every channel, in no order that repeats with the rows.
std::vector<std::uint8_t> picture(std::int64_t side) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(3 * side * side));
  std::uint32_t state = 7;
  for (std::uint8_t& value : pixels) {
    state = state * 1664525 + 1013904223;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  return pixels;
}

/// The definition, a pixel at a time.
torch::Tensor expected(const std::vector<std::uint8_t>& pixels, const Growth& growth, bool mirror) {
  const std::int64_t side = growth.resolution;
  const auto scaled = [&](std::int64_t c, std::int64_t y, std::int64_t x) {
    const std::int64_t from = mirror ? side - 1 - x : x;
    return static_cast<float>(pixels[static_cast<std::size_t>(3 * (y * side + from) + c)]) /
               127.5f -
           1.0f;
  };
  torch::Tensor out = torch::empty({3, side, side});
  auto values = out.accessor<float, 3>();
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t y = 0; y < side; ++y) {
      for (std::int64_t x = 0; x < side; ++x) {
        values[c][y][x] = scaled(c, y, x);
        if (!growth.fading()) continue;
        const std::int64_t top = y / 2 * 2, left = x / 2 * 2;
        const float mean = (scaled(c, top, left) + scaled(c, top, left + 1) +
                            scaled(c, top + 1, left) + scaled(c, top + 1, left + 1)) *
                           0.25f;
        values[c][y][x] = mean + (values[c][y][x] - mean) * static_cast<float>(growth.alpha);
      }
    }
  }
  return out;
}

class Reals : public testing::TestWithParam<std::int64_t> {};

// 4, 12 and 28 end in the middle of a block of pixels; 256 goes around the caches when it may.
INSTANTIATE_TEST_SUITE_P(Sides, Reals, testing::Values(4, 12, 16, 28, 64, 256));

TEST_P(Reals, IsTheDefinitionBitForBit) {
  const std::int64_t side = GetParam(), count = 3 * side * side;
  const auto pixels = picture(side);
  for (const bool mirror : {false, true}) {
    for (const double alpha : {0.0, 0.3, 1.0}) {
      const Growth growth{.resolution = side, .alpha = alpha};
      const torch::Tensor wanted = expected(pixels, growth, mirror);
      for (const std::int64_t offset : {0, 1}) {
        const torch::Tensor memory = torch::full({count + 2}, 9.0f);
        float* out = memory.mutable_data_ptr<float>() + offset;
        fill_real(pixels, growth, mirror, out);
        EXPECT_TRUE(std::equal(out, out + count, wanted.const_data_ptr<float>()))
            << "mirror " << mirror << ", alpha " << alpha << ", offset " << offset;
        EXPECT_EQ(out[count], 9.0f) << "wrote past its end";
      }
    }
  }
}

TEST(RealsRange, IsMinusOneToOne) {
  const std::vector<std::uint8_t> black(48, 0), white(48, 255);
  std::vector<float> out(48);
  fill_real(black, {.resolution = 4}, false, out.data());
  EXPECT_TRUE(std::ranges::all_of(out, [](float x) { return x == -1.0f; }));
  fill_real(white, {.resolution = 4}, false, out.data());
  EXPECT_TRUE(std::ranges::all_of(out, [](float x) { return x == 1.0f; }));
}

}  // namespace
}  // namespace pgan::data
