#pragma once
#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace pgan::data {

/// Square picture [S,S,3] (uint8 or float32, 0..255) -> float32 [3,R,R] in 0..255, by a float
/// bicubic filter (a = -0.5) whose support grows with the reduction, as Pillow and LibTorch with
/// antialias; a plain conversion when S = R. The same bits on every machine without fused
/// multiply-add in the build.
torch::Tensor resize_square(const torch::Tensor& picture, std::int64_t resolution);

/// float32 [3,R,R] -> [3,R/2,R/2]: means of 2x2 pixels.
torch::Tensor halve(const torch::Tensor& image);

/// float32 [3,R,R] in 0..255 -> uint8 [3,R,R], to nearest, ties to even, as numpy.rint.
torch::Tensor round_pixels(const torch::Tensor& image);

/// The levels R, R/2, ... 4 of a picture [S,S,3] as uint8 [3,r,r], descending: each level is the
/// 2x2 mean of the floats of the one above and is rounded once, as in the published data sets
/// (another filter would make the reals jump at each fade).
std::vector<torch::Tensor> make_levels(const torch::Tensor& picture, std::int64_t resolution);

}  // namespace pgan::data
