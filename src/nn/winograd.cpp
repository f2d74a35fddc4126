#include "nn/winograd.h"

#include <array>
#include <cstring>
#include <vector>

#include <torch/autograd.h>

#include "nn/best_target.h"
#include "nn/parallel.h"

namespace pgan::nn {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kLeastChannels = 32;
constexpr std::int64_t kTile = 4;     // pixels a side that a tile gives
constexpr std::int64_t kPoints = 36;  // products a tile: 6x6

using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));

// The paper's matrices for the points 0, 1, -1, 2, -2 and infinity. Each transform takes kIn values
// that lie `in` apart to kOut values `out` apart.

/// B^T: pixels to points.
struct FromPixels {
  static constexpr int kIn = 6, kOut = 6;
  static void apply(const Lanes* d, int in, Lanes* t, int out) {
    const Lanes d1 = d[in], d2 = d[2 * in], d3 = d[3 * in], d4 = d[4 * in];
    t[0] = 4 * d[0] - 5 * d2 + d4;
    t[out] = (d3 + d4) - 4 * (d1 + d2);
    t[2 * out] = (d4 - d3) + 4 * (d1 - d2);
    t[3 * out] = (d4 - d2) + 2 * (d3 - d1);
    t[4 * out] = (d4 - d2) - 2 * (d3 - d1);
    t[5 * out] = 4 * d1 - 5 * d3 + d[5 * in];
  }
};

/// A^T: products at the points to pixels.
struct ToPixels {
  static constexpr int kIn = 6, kOut = 4;
  static void apply(const Lanes* m, int in, Lanes* y, int out) {
    const Lanes sum1 = m[in] + m[2 * in], apart1 = m[in] - m[2 * in];
    const Lanes sum2 = m[3 * in] + m[4 * in], apart2 = m[3 * in] - m[4 * in];
    y[0] = m[0] + sum1 + sum2;
    y[out] = apart1 + 2 * apart2;
    y[2 * out] = sum1 + 4 * sum2;
    y[3 * out] = apart1 + 8 * apart2 + m[5 * in];
  }
};

/// A: gradients of pixels to gradients of products.
struct FromGradients {
  static constexpr int kIn = 4, kOut = 6;
  static void apply(const Lanes* y, int in, Lanes* m, int out) {
    const Lanes y0 = y[0], y1 = y[in], y2 = y[2 * in], y3 = y[3 * in];
    const Lanes even1 = y0 + y2, odd1 = y1 + y3;
    const Lanes even2 = y0 + 4 * y2, odd2 = 2 * y1 + 8 * y3;
    m[0] = y0;
    m[out] = even1 + odd1;
    m[2 * out] = even1 - odd1;
    m[3 * out] = even2 + odd2;
    m[4 * out] = even2 - odd2;
    m[5 * out] = y3;
  }
};

/// G: taps to points.
struct FromTaps {
  static constexpr int kIn = 3, kOut = 6;
  static void apply(const Lanes* w, int in, Lanes* u, int out) {
    const Lanes w0 = w[0], w1 = w[in], w2 = w[2 * in];
    const Lanes even1 = (w0 + w2) * (1.0f / 6), odd1 = w1 * (1.0f / 6);
    const Lanes even2 = w0 * (1.0f / 24) + w2 * (1.0f / 6), odd2 = w1 * (1.0f / 12);
    u[0] = w0 * 0.25f;
    u[out] = -even1 - odd1;
    u[2 * out] = odd1 - even1;
    u[3 * out] = even2 + odd2;
    u[4 * out] = even2 - odd2;
    u[5 * out] = w2;
  }
};

/// G^T: gradients at the points to gradients of taps.
struct ToTaps {
  static constexpr int kIn = 6, kOut = 3;
  static void apply(const Lanes* u, int in, Lanes* w, int out) {
    const Lanes sum1 = u[in] + u[2 * in], apart1 = u[2 * in] - u[in];
    const Lanes sum2 = u[3 * in] + u[4 * in], apart2 = u[3 * in] - u[4 * in];
    w[0] = u[0] * 0.25f - sum1 * (1.0f / 6) + sum2 * (1.0f / 24);
    w[out] = apart1 * (1.0f / 6) + apart2 * (1.0f / 12);
    w[2 * out] = (sum2 - sum1) * (1.0f / 6) + u[5 * in];
  }
};

/// Transforms a square both ways: `from` and `to` give the address of its value (row, column) and
/// the following ones.
template <class Transform, class From, class To>
void transform(const From& from, const To& to) {
  constexpr int kIn = Transform::kIn, kOut = Transform::kOut;
  Lanes in[kIn * kIn], half[kOut * kIn], out[kOut * kOut];
  for (int i = 0; i < kIn * kIn; ++i) std::memcpy(&in[i], from(i), sizeof(Lanes));
  for (int column = 0; column < kIn; ++column)
    Transform::apply(in + column, kIn, half + column, kIn);
  for (int row = 0; row < kOut; ++row) Transform::apply(half + row * kIn, 1, out + row * kOut, 1);
  for (int i = 0; i < kOut * kOut; ++i) std::memcpy(to(i), &out[i], sizeof(Lanes));
}

/// Shape of a channels-last picture in tiles.
struct Tiling {
  explicit Tiling(const torch::Tensor& x)
      : channels(x.size(1)),
        height(x.size(2)),
        width(x.size(3)),
        across(width / kTile),
        count(x.size(0) * (height / kTile) * across) {}
  /// The upper left pixel of a tile's pixels.
  void corner(std::int64_t tile, std::int64_t& image, std::int64_t& y, std::int64_t& x) const {
    const std::int64_t down = height / kTile;
    image = tile / (down * across);
    y = tile / across % down * kTile;
    x = tile % across * kTile;
  }
  std::int64_t channels, height, width, across, count;
};

/// Squares of the pictures, one a tile, to points: [36,tiles,C].
template <class Transform>
torch::Tensor to_points(const torch::Tensor& picture) {
  constexpr int kSide = Transform::kIn;
  constexpr std::int64_t kMargin = (kSide - kTile) / 2;
  const Tiling tiling(picture);
  torch::Tensor points = torch::empty({kPoints, tiling.count, tiling.channels}, picture.options());
  const float* const pixels = picture.const_data_ptr<float>();
  float* const out = points.mutable_data_ptr<float>();
  const std::vector<float> outside(static_cast<std::size_t>(tiling.channels), 0.0f);
  const float* const zeros = outside.data();
  const std::int64_t plane = tiling.count * tiling.channels;
  const auto body = [=](std::int64_t first, std::int64_t last) {
    const float* at[kSide * kSide];
    for (std::int64_t tile = first; tile < last; ++tile) {
      std::int64_t image = 0, top = 0, left = 0;
      tiling.corner(tile, image, top, left);
      for (int i = 0; i < kSide * kSide; ++i) {
        const std::int64_t y = top - kMargin + i / kSide, x = left - kMargin + i % kSide;
        const bool inside = y >= 0 && y < tiling.height && x >= 0 && x < tiling.width;
        const std::int64_t pixel = (image * tiling.height + y) * tiling.width + x;
        at[i] = inside ? pixels + pixel * tiling.channels : zeros;
      }
      for (std::int64_t c = 0; c < tiling.channels; c += kLanes) {
        float* const to = out + tile * tiling.channels + c;
        transform<Transform>([&](int i) { return at[i] + c; },
                             [&](int i) { return to + i * plane; });
      }
    }
  };
  in_parallel(tiling.count,
              [&](std::int64_t first, std::int64_t last) { run_best(body, first, last); });
  return points;
}

/// The products at the points, [36,tiles,C], to pictures, [N,C,H,W].
torch::Tensor to_pictures(const torch::Tensor& points, std::int64_t images, std::int64_t height,
                          std::int64_t width) {
  torch::Tensor picture = torch::empty({images, points.size(2), height, width}, points.options(),
                                       torch::MemoryFormat::ChannelsLast);
  const Tiling tiling(picture);
  const float* const in = points.const_data_ptr<float>();
  float* const pixels = picture.mutable_data_ptr<float>();
  const std::int64_t plane = tiling.count * tiling.channels;
  const auto body = [=](std::int64_t first, std::int64_t last) {
    for (std::int64_t tile = first; tile < last; ++tile) {
      std::int64_t image = 0, top = 0, left = 0;
      tiling.corner(tile, image, top, left);
      float* const corner =
          pixels + ((image * tiling.height + top) * tiling.width + left) * tiling.channels;
      for (std::int64_t c = 0; c < tiling.channels; c += kLanes) {
        const float* const from = in + tile * tiling.channels + c;
        transform<ToPixels>([&](int i) { return from + i * plane; },
                            [&](int i) {
                              return corner +
                                     (i / kTile * tiling.width + i % kTile) * tiling.channels + c;
                            });
      }
    }
  };
  in_parallel(tiling.count,
              [&](std::int64_t first, std::int64_t last) { run_best(body, first, last); });
  return picture;
}

/// [kIn^2,...] -> [kOut^2,...], each position by itself.
template <class Transform>
torch::Tensor between_planes(const torch::Tensor& planes) {
  std::vector<std::int64_t> sizes = planes.sizes().vec();
  sizes[0] = Transform::kOut * Transform::kOut;
  torch::Tensor result = torch::empty(sizes, planes.options());
  const std::int64_t plane = planes[0].numel();
  const float* const in = planes.const_data_ptr<float>();
  float* const out = result.mutable_data_ptr<float>();
  const auto body = [=](std::int64_t first, std::int64_t last) {
    for (std::int64_t at = first * kLanes; at < last * kLanes; at += kLanes)
      transform<Transform>([&](int i) { return in + i * plane + at; },
                           [&](int i) { return out + i * plane + at; });
  };
  in_parallel(plane / kLanes,
              [&](std::int64_t first, std::int64_t last) { run_best(body, first, last); });
  return result;
}

/// [K,C,3,3] -> [9,K,C], the taps from the last to the first.
torch::Tensor turned_taps(const torch::Tensor& weight) {
  return weight.flip({2, 3}).permute({2, 3, 0, 1}).flatten(0, 1).contiguous();
}

/// points: [36,C,K], of a weight.
torch::Tensor convolve(const torch::Tensor& x, const torch::Tensor& points) {
  return to_pictures(torch::bmm(to_points<FromPixels>(x), points), x.size(0), x.size(2), x.size(3));
}

torch::Tensor channels_last(const torch::Tensor& x) {
  return x.contiguous(torch::MemoryFormat::ChannelsLast);
}

class WinogradConvolution : public torch::autograd::Function<WinogradConvolution> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& input, const torch::Tensor& weight) {
    const torch::Tensor x = channels_last(input);
    context->save_for_backward({x, weight});
    return torch::conv2d(x, weight, {}, 1, 1);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &x = saved[0], &weight = saved[1];
    const bool for_x = context->needs_input_grad(0), for_weight = context->needs_input_grad(1);
    if (torch::GradMode::is_enabled()) {
      const auto [to_x, to_weight, none] =
          torch::convolution_backward(gradients[0], x, weight, c10::nullopt, {1, 1}, {1, 1}, {1, 1},
                                      false, {0, 0}, 1, {for_x, for_weight, false});
      return {to_x, to_weight};
    }
    const torch::Tensor gradient = channels_last(gradients[0]);
    torch::autograd::variable_list results(2);
    if (for_x) results[0] = convolve(gradient, between_planes<FromTaps>(turned_taps(weight)));
    if (for_weight) {
      const torch::Tensor products = torch::bmm(to_points<FromGradients>(gradient).transpose(1, 2),
                                                to_points<FromPixels>(x));  // [36,K,C]
      results[1] =
          between_planes<ToTaps>(products).unflatten(0, {3, 3}).permute({2, 3, 0, 1}).contiguous();
    }
    return results;
  }
};

}  // namespace

bool winograd_fits(const torch::Tensor& x, const torch::Tensor& weight) {
  const auto channels_fit = [](std::int64_t count) {
    return count >= kLeastChannels && count % kLanes == 0;
  };
  return x.is_cpu() && x.scalar_type() == torch::kFloat32 && weight.size(2) == 3 &&
         weight.size(3) == 3 && channels_fit(weight.size(0)) && channels_fit(weight.size(1)) &&
         x.size(2) % kTile == 0 && x.size(3) % kTile == 0 && x.numel() > 0;
}

torch::Tensor winograd_convolution(const torch::Tensor& x, const torch::Tensor& weight) {
  return WinogradConvolution::apply(x, weight);
}

}  // namespace pgan::nn
