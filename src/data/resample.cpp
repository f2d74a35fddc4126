#include "data/resample.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace pgan::data {

torch::Tensor resize_square(const torch::Tensor& picture, std::int64_t resolution) {
  const torch::Tensor planes = picture.permute({2, 0, 1}).to(torch::kFloat32).contiguous();
  if (planes.size(1) == resolution) return planes;
  const torch::Tensor resized =
      at::_upsample_bicubic2d_aa(planes.unsqueeze(0), {resolution, resolution}, false);
  // Bicubic weights overshoot at edges: what lies outside 0..255 is no colour, at any level.
  return resized.squeeze(0).clamp(0, 255);
}

torch::Tensor halve(const torch::Tensor& image) {
  const std::int64_t side = image.size(2) / 2;
  const torch::Tensor whole = image.contiguous();
  torch::Tensor out = torch::empty({3, side, side}, torch::kFloat32);
  const float* from = whole.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  for (std::int64_t row = 0; row < 3 * side; ++row) {
    const float* above = from + row * 4 * side;
    const float* below = above + 2 * side;
    for (std::int64_t x = 0; x < side; ++x) {
      *to++ = (above[2 * x] + above[2 * x + 1] + below[2 * x] + below[2 * x + 1]) * 0.25f;
    }
  }
  return out;
}

torch::Tensor round_pixels(const torch::Tensor& image) {
  const torch::Tensor whole = image.contiguous();
  torch::Tensor out = torch::empty(whole.sizes(), torch::kUInt8);
  const float* from = whole.const_data_ptr<float>();
  std::uint8_t* to = out.mutable_data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < whole.numel(); ++i) {
    to[i] = static_cast<std::uint8_t>(std::nearbyint(std::clamp(from[i], 0.0f, 255.0f)));
  }
  return out;
}

std::vector<torch::Tensor> make_levels(const torch::Tensor& picture, std::int64_t resolution) {
  std::vector<torch::Tensor> levels;
  torch::Tensor level = resize_square(picture, resolution);
  for (std::int64_t side = resolution; side >= 4; side /= 2) {
    levels.push_back(round_pixels(level));
    if (side > 4) level = halve(level);
  }
  return levels;
}

}  // namespace pgan::data
