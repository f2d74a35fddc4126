#include "data/decode.h"

#include "fuzz/targets.h"

namespace pgan::fuzz {

void read_picture(Bytes input) {
  constexpr std::int64_t kMaxPixels = 1 << 16;
  const torch::Tensor picture = data::decode(input, "picture", {.max_pixels = kMaxPixels});
  require(picture.dim() == 3 && picture.size(2) == 3 && picture.is_contiguous(), "[H,W,3]");
  require(picture.size(0) * picture.size(1) <= kMaxPixels, "no more pixels than allowed");
  if (picture.scalar_type() == torch::kFloat32) {
    require(picture.min().item<float>() >= 0 && picture.max().item<float>() <= 255, "0 to 255");
  } else {
    require(picture.scalar_type() == torch::kUInt8, "uint8 or float32");
  }
}

}  // namespace pgan::fuzz
