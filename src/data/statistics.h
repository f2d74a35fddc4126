#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "data/pack.h"

namespace pgan::data {

/// One label over some records.
struct LabelStatistics {
  bool binary = true;  ///< all values are 0 or 1
  double low = 0, high = 0, mean = 0, deviation = 0;
  std::vector<std::int64_t> bins;  ///< 16 from low to high; empty when binary
};
/// By label, in the pack's order, over all records.
std::vector<LabelStatistics> label_statistics(const Pack& pack);
/// Over these records, of which there is one at least; those trained on are a Stream's.
std::vector<LabelStatistics> label_statistics(const Pack& pack,
                                              const std::vector<RecordRange>& records);
/// True when the labels are two or more classes of which each of these records has exactly one: one
/// label is 1, all others 0.
bool one_of_n(const Pack& pack, const std::vector<RecordRange>& records);

/// Pixels 0..255 of up to 1,000 pictures, evenly spread over the pack, at the largest level up to
/// 64 pixels; by channel.
struct PixelStatistics {
  std::int64_t pictures = 0, damaged = 0, resolution = 0;
  std::array<double, 3> mean{}, deviation{};
  std::array<std::vector<std::int64_t>, 3> bins;  ///< 32 of 8 values
};
PixelStatistics pixel_statistics(const Pack& pack);

}  // namespace pgan::data
