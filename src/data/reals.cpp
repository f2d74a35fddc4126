#include "data/reals.h"

namespace pgan::data {
namespace {

/// [2h,2w] in place: each pixel goes (1 - alpha) of the way to the mean of its 2x2 block.
void blend_blocks(float* plane, std::int64_t side, float alpha) {
  for (std::int64_t y = 0; y < side; y += 2) {
    float* above = plane + y * side;
    float* below = above + side;
    for (std::int64_t x = 0; x < side; x += 2) {
      const float mean = (above[x] + above[x + 1] + below[x] + below[x + 1]) * 0.25f;
      for (float* pixel : {above + x, above + x + 1, below + x, below + x + 1}) {
        *pixel = mean + (*pixel - mean) * alpha;
      }
    }
  }
}

}  // namespace

void fill_real(std::span<const std::uint8_t> pixels, const Growth& growth, bool mirror,
               float* out) {
  const std::int64_t side = growth.resolution, area = side * side;
  const std::uint8_t* from = pixels.data();
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x, from += 3) {
      float* to = out + y * side + (mirror ? side - 1 - x : x);
      for (std::int64_t c = 0; c < 3; ++c)
        to[c * area] = static_cast<float>(from[c]) / 127.5f - 1.0f;
    }
  }
  if (!growth.fading()) return;
  for (std::int64_t c = 0; c < 3; ++c) {
    blend_blocks(out + c * area, side, static_cast<float>(growth.alpha));
  }
}

}  // namespace pgan::data
