#include "data/statistics.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "core/error.h"

namespace pgan::data {
namespace {

constexpr std::size_t kLabelBins = 16, kPixelBins = 32;

/// [n,C], a view where the records lie together.
torch::Tensor labels_of(const Pack& pack, const std::vector<RecordRange>& records) {
  std::vector<torch::Tensor> parts;
  for (const RecordRange& range : records) {
    parts.push_back(pack.labels().narrow(0, range.first, range.count));
  }
  return parts.size() == 1 ? parts[0] : torch::cat(parts);
}

std::vector<std::int64_t> bins_of(std::span<const float> values, double low, double high) {
  std::vector<std::int64_t> bins(kLabelBins, 0);
  const double span = high > low ? high - low : 1;
  for (const float value : values) {
    const double place =
        (static_cast<double>(value) - low) / span * static_cast<double>(kLabelBins);
    ++bins[std::min(kLabelBins - 1, static_cast<std::size_t>(std::max(place, 0.0)))];
  }
  return bins;
}

}  // namespace

std::vector<LabelStatistics> label_statistics(const Pack& pack) {
  return label_statistics(pack, {{0, pack.info().count}});
}

std::vector<LabelStatistics> label_statistics(const Pack& pack,
                                              const std::vector<RecordRange>& records) {
  std::vector<LabelStatistics> out;
  const torch::Tensor columns = labels_of(pack, records).t().contiguous();  // [C,n]
  for (const torch::Tensor& column : columns.unbind()) {
    const torch::Tensor values = column.to(torch::kFloat64);
    LabelStatistics label;
    label.binary = ((column == 0) | (column == 1)).all().item<bool>();
    label.low = values.min().item<double>();
    label.high = values.max().item<double>();
    label.mean = values.mean().item<double>();
    label.deviation = (values - label.mean).square().mean().sqrt().item<double>();
    if (!label.binary) {
      label.bins =
          bins_of({column.const_data_ptr<float>(), static_cast<std::size_t>(column.numel())},
                  label.low, label.high);
    }
    out.push_back(std::move(label));
  }
  return out;
}

bool one_of_n(const Pack& pack, const std::vector<RecordRange>& records) {
  const torch::Tensor labels = labels_of(pack, records);
  if (labels.size(1) < 2) return false;
  const bool binary = ((labels == 0) | (labels == 1)).all().item<bool>();
  return binary && (labels.sum(1) == 1).all().item<bool>();
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
