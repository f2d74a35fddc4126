#include "data/statistics.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace pgan::data {
namespace {

constexpr std::size_t kLabelBins = 16, kPixelBins = 32;

}  // namespace

std::vector<LabelStatistics> label_statistics(const Pack& pack) {
  const std::int64_t count = pack.info().count, width = pack.labels().size(1);
  std::vector<LabelStatistics> out(static_cast<std::size_t>(width));
  const float* values = pack.labels().const_data_ptr<float>();
  for (std::int64_t i = 0; i < width; ++i) {
    LabelStatistics& label = out[static_cast<std::size_t>(i)];
    const auto value = [&](std::int64_t record) {
      return static_cast<double>(values[record * width + i]);
    };
    label.low = label.high = value(0);
    double sum = 0, squares = 0;
    for (std::int64_t record = 0; record < count; ++record) {
      const double x = value(record);
      label.low = std::min(label.low, x);
      label.high = std::max(label.high, x);
      label.binary = label.binary && (x == 0 || x == 1);
      sum += x;
    }
    label.mean = sum / static_cast<double>(count);
    for (std::int64_t record = 0; record < count; ++record) {
      squares += (value(record) - label.mean) * (value(record) - label.mean);
    }
    label.deviation = std::sqrt(squares / static_cast<double>(count));
    if (label.binary) continue;
    label.bins.assign(kLabelBins, 0);
    const double span = label.high > label.low ? label.high - label.low : 1;
    for (std::int64_t record = 0; record < count; ++record) {
      const double place = (value(record) - label.low) / span * static_cast<double>(kLabelBins);
      ++label.bins[std::min(kLabelBins - 1, static_cast<std::size_t>(std::max(place, 0.0)))];
    }
  }
  return out;
}

PixelStatistics pixel_statistics(const Pack& pack) {
  constexpr std::int64_t kMostPictures = 1000, kMostPixels = 64;
  PixelStatistics out;
  out.resolution = pack.info().levels.front().resolution;
  for (const std::int64_t side : pack.info().resolutions()) {
    if (side <= kMostPixels) out.resolution = side;
  }
  std::array<std::array<std::int64_t, 256>, 3> counts{};
  std::vector<std::uint8_t> scratch;
  const std::int64_t count = pack.info().count, looked = std::min(count, kMostPictures);
  for (std::int64_t i = 0; i < looked; ++i) {
    try {
      const auto pixels = pack.pixels(i * count / looked, out.resolution, scratch);
      for (std::size_t p = 0; p < pixels.size(); ++p) ++counts[p % 3][pixels[p]];
      ++out.pictures;
    } catch (const DataError&) {
      ++out.damaged;
    }
  }
  for (std::size_t c = 0; c < 3; ++c) {
    double total = 0, sum = 0, squares = 0;
    out.bins[c].assign(kPixelBins, 0);
    for (std::size_t value = 0; value < 256; ++value) {
      const auto n = static_cast<double>(counts[c][value]), x = static_cast<double>(value);
      total += n;
      sum += n * x;
      squares += n * x * x;
      out.bins[c][value * kPixelBins / 256] += counts[c][value];
    }
    if (total == 0) continue;
    out.mean[c] = sum / total;
    out.deviation[c] = std::sqrt(std::max(0.0, squares / total - out.mean[c] * out.mean[c]));
  }
  return out;
}

}  // namespace pgan::data
