#include "data/resample.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"

namespace pgan::data {
namespace {

/// Rows of the result that are worked out together: the lanes of the horizontal pass.
constexpr std::int64_t kLanes = 8;

/// Keys' cubic with a = -0.5 (Keys 1981, equation 15), as Pillow and LibTorch's antialiased one.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/// The input samples and weights of each output sample, one after the other.
struct Taps {
  struct Window {
    std::int64_t first = 0, count = 0;
    std::size_t weights = 0;  // where they begin
  };
  std::vector<Window> windows;
  std::vector<float> weights;
};

/// The support grows with the reduction, so that nothing aliases; weights sum to 1 at the borders.
Taps make_taps(std::int64_t from, std::int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double stretch = std::max(scale, 1.0);
  Taps taps;
  for (std::int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const auto begin = std::max<std::int64_t>(std::llround(center - 2 * stretch), 0);
    const auto end = std::min<std::int64_t>(std::llround(center + 2 * stretch), from);
    taps.windows.push_back({begin, end - begin, taps.weights.size()});
    std::vector<double> weights;
    double sum = 0;
    for (std::int64_t j = begin; j < end; ++j) {
      weights.push_back(cubic((static_cast<double>(j) + 0.5 - center) / stretch));
      sum += weights.back();
    }
    for (const double weight : weights) taps.weights.push_back(static_cast<float>(weight / sum));
  }
  return taps;
}

template <class Sample>
struct Rows {
  const Sample* data;
  std::int64_t stride, samples;  // between rows; of a row
  const Sample* operator[](std::int64_t y) const { return data + y * stride; }
};

/// One output row before the horizontal pass. Four input rows at a time: each pass over `out` costs
/// as much as a multiplication.
template <class Sample>
void mix_rows(const Rows<Sample>& rows, const Taps::Window& window, const float* weights,
              float* out) {
  std::fill_n(out, rows.samples, 0.0f);
  std::int64_t k = 0;
  for (; k + 4 <= window.count; k += 4) {
    const Sample *a = rows[window.first + k], *b = a + rows.stride, *c = b + rows.stride,
                 *d = c + rows.stride;
    const float wa = weights[k], wb = weights[k + 1], wc = weights[k + 2], wd = weights[k + 3];
    for (std::int64_t x = 0; x < rows.samples; ++x) {
      out[x] += (wa * static_cast<float>(a[x]) + wb * static_cast<float>(b[x])) +
                (wc * static_cast<float>(c[x]) + wd * static_cast<float>(d[x]));
    }
  }
  for (; k < window.count; ++k) {
    const Sample* a = rows[window.first + k];
    for (std::int64_t x = 0; x < rows.samples; ++x) {
      out[x] += weights[k] * static_cast<float>(a[x]);
    }
  }
}

/// Lanes of mixed rows, [3*S][kLanes] -> columns of the result, whose planes are [side][side].
void mix_columns(const std::vector<float>& lanes, const Taps& taps, std::int64_t row,
                 std::int64_t side, float* out) {
  const std::int64_t used = std::min(kLanes, side - row);
  for (std::int64_t x = 0; x < side; ++x) {
    const Taps::Window& window = taps.windows[static_cast<std::size_t>(x)];
    const float* weights = taps.weights.data() + window.weights;
    std::array<float, 3 * kLanes> sums{};
    for (std::int64_t k = 0; k < window.count; ++k) {
      const float* from = lanes.data() + (window.first + k) * 3 * kLanes;
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += weights[k] * from[i];
    }
    for (std::int64_t c = 0; c < 3; ++c) {
      for (std::int64_t lane = 0; lane < used; ++lane) {
        // Bicubic weights overshoot at edges: what lies outside 0..255 is no colour, at any level.
        out[(c * side + row + lane) * side + x] =
            std::clamp(sums[static_cast<std::size_t>(c * kLanes + lane)], 0.0f, 255.0f);
      }
    }
  }
}

template <class Sample>
void resize_rows(const Rows<Sample>& rows, std::int64_t from, std::int64_t to, float* out) {
  const Taps taps = make_taps(from, to);
  const auto samples = static_cast<std::size_t>(rows.samples);
  std::vector<float> mixed(samples), lanes(samples * kLanes);
  for (std::int64_t row = 0; row < to; row += kLanes) {
    for (std::int64_t lane = 0; lane < std::min(kLanes, to - row); ++lane) {
      const Taps::Window& window = taps.windows[static_cast<std::size_t>(row + lane)];
      mix_rows(rows, window, taps.weights.data() + window.weights, mixed.data());
      for (std::size_t i = 0; i < samples; ++i) {
        lanes[i * kLanes + static_cast<std::size_t>(lane)] = mixed[i];
      }
    }
    mix_columns(lanes, taps, row, to, out);
  }
}

template <class Sample>
void split_planes(const Rows<Sample>& rows, std::int64_t side, float* out) {
  for (std::int64_t y = 0; y < side; ++y) {
    const Sample* from = rows[y];
    float *red = out + y * side, *green = red + side * side, *blue = green + side * side;
    for (std::int64_t x = 0; x < side; ++x) {
      red[x] = static_cast<float>(from[3 * x]);
      green[x] = static_cast<float>(from[3 * x + 1]);
      blue[x] = static_cast<float>(from[3 * x + 2]);
    }
  }
}

template <class Sample>
torch::Tensor resize_from(const torch::Tensor& picture, std::int64_t resolution) {
  const std::int64_t side = picture.size(0);
  torch::Tensor out = torch::empty({3, resolution, resolution}, torch::kFloat32);
  const Rows<Sample> rows{picture.const_data_ptr<Sample>(), picture.stride(0), side * 3};
  if (side == resolution) {
    split_planes(rows, side, out.mutable_data_ptr<float>());
  } else {
    resize_rows(rows, side, resolution, out.mutable_data_ptr<float>());
  }
  return out;
}

}  // namespace

torch::Tensor resize_square(const torch::Tensor& picture, std::int64_t resolution) {
  const bool packed = picture.stride(2) == 1 && picture.stride(1) == 3;
  const torch::Tensor rows = packed ? picture : picture.contiguous();
  return rows.scalar_type() == torch::kUInt8 ? resize_from<std::uint8_t>(rows, resolution)
                                             : resize_from<float>(rows, resolution);
}

torch::Tensor halve(const torch::Tensor& image) {
  const std::int64_t side = image.size(2) / 2;
  const torch::Tensor whole = image.contiguous();
  torch::Tensor out = torch::empty({3, side, side}, torch::kFloat32);
  const float* from = whole.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  for (std::int64_t row = 0; row < 3 * side; ++row, to += side) {
    const float* above = from + row * 4 * side;
    const float* below = above + 2 * side;
    for (std::int64_t x = 0; x < side; ++x) {
      to[x] = (above[2 * x] + above[2 * x + 1] + below[2 * x] + below[2 * x + 1]) * 0.25f;
    }
  }
  return out;
}

torch::Tensor round_pixels(const torch::Tensor& image) {
  // A float of this size has no digits behind the point: adding it rounds, ties to even, in a way
  // that compilers vectorise; std::nearbyint is a call for each pixel.
  constexpr float kRounder = 1 << 23;
  const torch::Tensor whole = image.contiguous();
  torch::Tensor out = torch::empty(whole.sizes(), torch::kUInt8);
  const float* from = whole.const_data_ptr<float>();
  std::uint8_t* to = out.mutable_data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < whole.numel(); ++i) {
    const float rounded = std::min(std::max(from[i], 0.0f), 255.0f) + kRounder - kRounder;
    to[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(rounded));
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
