#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "data/pack.h"

namespace pgan::data {

/// One label over all records.
struct LabelStatistics {
  bool binary = true;  ///< all values are 0 or 1
  double low = 0, high = 0, mean = 0, deviation = 0;
  std::vector<std::int64_t> bins;  ///< 16 from low to high; empty when binary
};
/// By label, in the pack's order.
std::vector<LabelStatistics> label_statistics(const Pack& pack);

/// Pixels 0..255 of up to 1,000 pictures, evenly spread over the pack, at the largest level up to
/// 64 pixels; by channel.
struct PixelStatistics {
  std::int64_t pictures = 0, damaged = 0, resolution = 0;
  std::array<double, 3> mean{}, deviation{};
  std::array<std::vector<std::int64_t>, 3> bins;  ///< 32 of 8 values
};
PixelStatistics pixel_statistics(const Pack& pack);

}  // namespace pgan::data
