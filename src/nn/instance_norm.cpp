#include "nn/instance_norm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <ATen/OpMathType.h>
#include <torch/autograd.h>

#include "core/error.h"
#include "nn/best_target.h"
#include "nn/parallel.h"

namespace pgan::nn {
namespace {

constexpr double kEpsilon = 1e-5;

/// Pixels summed in the data's own precision before they join sums in float64.
constexpr std::int64_t kRun = 128;

/// One image's pixels, each with its channels side by side.
template <class T>
struct Pixels {
  const T* data;
  std::int64_t count, channels;
};

/// Sums of term(channel, pixel's element) over the pixels, by channel.
template <class Wide, class Term>
void sum_pixels(std::int64_t pixels, std::int64_t channels, const Term& term, double* sums) {
  std::vector<Wide> run(static_cast<std::size_t>(channels));
  std::fill(sums, sums + channels, 0.0);
  for (std::int64_t first = 0; first < pixels; first += kRun) {
    std::fill(run.begin(), run.end(), Wide{0});
    Wide* const __restrict partial = run.data();
    for (std::int64_t p = first; p < std::min(first + kRun, pixels); ++p) {
      for (std::int64_t c = 0; c < channels; ++c) partial[c] += term(c, p * channels + c);
    }
    for (std::int64_t c = 0; c < channels; ++c) sums[c] += static_cast<double>(partial[c]);
  }
}

/// y = x * scale + shift by channel, and the statistics behind it.
template <class Wide>
struct Affine {
  explicit Affine(std::int64_t channels)
      : mean(static_cast<std::size_t>(channels)), inverse(mean), scale(mean), shift(mean) {}
  void set(const double* weight, const double* bias) {
    for (std::size_t c = 0; c < mean.size(); ++c) {
      scale[c] = static_cast<Wide>(weight[c]) * inverse[c];
      shift[c] = static_cast<Wide>(bias[c]) - mean[c] * scale[c];
    }
  }
  std::vector<Wide> mean, inverse, scale, shift;  ///< inverse: 1 / standard deviation
};

/// The mean first and deviations from it second: no cancellation where the mean is large.
template <class T, class Wide>
void take_statistics(const Pixels<T>& x, Affine<Wide>& affine) {
  const auto channels = static_cast<std::size_t>(x.channels);
  std::vector<double> sums(channels);
  const double count = static_cast<double>(x.count);
  const T* const data = x.data;
  sum_pixels<Wide>(
      x.count, x.channels,
      [data](std::int64_t, std::int64_t at) { return static_cast<Wide>(data[at]); }, sums.data());
  for (std::size_t c = 0; c < channels; ++c) affine.mean[c] = static_cast<Wide>(sums[c] / count);
  const Wide* const mean = affine.mean.data();
  sum_pixels<Wide>(
      x.count, x.channels,
      [data, mean](std::int64_t c, std::int64_t at) {
        const Wide apart = static_cast<Wide>(data[at]) - mean[c];
        return apart * apart;
      },
      sums.data());
  for (std::size_t c = 0; c < channels; ++c)
    affine.inverse[c] = static_cast<Wide>(1 / std::sqrt(sums[c] / count + kEpsilon));
}

template <class T, class Wide>
void apply(const Pixels<T>& x, const Affine<Wide>& affine, bool relu, T* __restrict y) {
  const Wide* const __restrict scale = affine.scale.data();
  const Wide* const __restrict shift = affine.shift.data();
  const Wide floor = relu ? Wide{0} : -std::numeric_limits<Wide>::infinity();
  for (std::int64_t p = 0; p < x.count; ++p) {
    const T* const __restrict from = x.data + p * x.channels;
    T* const __restrict to = y + p * x.channels;
    for (std::int64_t c = 0; c < x.channels; ++c) {
      const Wide value = static_cast<Wide>(from[c]) * scale[c] + shift[c];
      to[c] = static_cast<T>(value < floor ? floor : value);  // NaN stays NaN
    }
  }
}

/// d loss / d x of one image; its shares of d loss / d bias and / d weight into `sums`, [2,C].
template <class T, class Wide>
void apply_backward(const Pixels<T>& x, const T* gradient, const Affine<Wide>& affine, bool relu,
                    double* sums, T* result) {
  const std::int64_t channels = x.channels;
  const T* const data = x.data;
  const Wide *const scale = affine.scale.data(), *const shift = affine.shift.data();
  const Wide *const mean = affine.mean.data(), *const inverse = affine.inverse.data();
  const Wide floor = relu ? Wide{0} : -std::numeric_limits<Wide>::infinity();
  const auto passed = [=](std::int64_t c, std::int64_t at) {
    const Wide here = static_cast<Wide>(gradient[at]);  // loaded always: a load behind a branch
    const Wide value = static_cast<Wide>(data[at]) * scale[c] + shift[c];  // is not vectorised
    return value > floor ? here : Wide{0};
  };
  sum_pixels<Wide>(x.count, channels, passed, sums);
  sum_pixels<Wide>(
      x.count, channels,
      [=](std::int64_t c, std::int64_t at) {
        return passed(c, at) * (static_cast<Wide>(data[at]) - mean[c]);
      },
      sums + channels);
  std::vector<Wide> offset(static_cast<std::size_t>(channels)), slope(offset);
  const auto count = static_cast<double>(x.count);
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto at = static_cast<std::size_t>(c);
    sums[channels + c] *= static_cast<double>(inverse[c]);
    offset[at] = static_cast<Wide>(sums[c] / count);
    slope[at] = static_cast<Wide>(sums[channels + c] / count) * inverse[c];
  }
  const Wide* const __restrict offsets = offset.data(), * const __restrict slopes = slope.data();
  T* const __restrict to = result;
  for (std::int64_t p = 0; p < x.count; ++p) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t at = p * channels + c;
      const Wide apart = static_cast<Wide>(data[at]) - mean[c];
      to[at] = static_cast<T>(scale[c] * (passed(c, at) - offsets[c] - apart * slopes[c]));
    }
  }
}

torch::Tensor channels_last(const torch::Tensor& x) {
  return x.contiguous(torch::MemoryFormat::ChannelsLast);
}

/// Pixels of image n of a channels-last tensor.
template <class T>
Pixels<T> image(const torch::Tensor& x, std::int64_t n) {
  const std::int64_t pixels = x.size(2) * x.size(3);
  return {x.const_data_ptr<T>() + n * pixels * x.size(1), pixels, x.size(1)};
}

template <class Body>
void for_each_image(const torch::Tensor& x, const Body& body) {
  const auto all = [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n) body(n);
  };
  in_parallel(x.size(0),
              [&](std::int64_t first, std::int64_t last) { run_best(all, first, last); });
}

/// weight_and_bias: [2,C], statistics: [N,2,C], both float64.
template <class T>
void normalise(const torch::Tensor& x, const torch::Tensor& weight_and_bias, bool relu,
               torch::Tensor& statistics, torch::Tensor& y) {
  using Wide = at::opmath_type<T>;
  const std::int64_t channels = x.size(1);
  const double* const weight = weight_and_bias.const_data_ptr<double>();
  double* const kept = statistics.mutable_data_ptr<double>();
  T* const out = y.mutable_data_ptr<T>();
  for_each_image(x, [&](std::int64_t n) {
    const Pixels<T> pixels = image<T>(x, n);
    Affine<Wide> affine(channels);
    take_statistics(pixels, affine);
    affine.set(weight, weight + channels);
    std::ranges::copy(affine.mean, kept + n * 2 * channels);
    std::ranges::copy(affine.inverse, kept + (n * 2 + 1) * channels);
    apply(pixels, affine, relu, out + n * pixels.count * channels);
  });
}

/// sums: [N,2,C] float64, each image's share of the gradients of bias and weight.
template <class T>
void normalise_backward(const torch::Tensor& x, const torch::Tensor& gradient,
                        const torch::Tensor& weight_and_bias, bool relu,
                        const torch::Tensor& statistics, torch::Tensor& sums,
                        torch::Tensor& result) {
  using Wide = at::opmath_type<T>;
  const std::int64_t channels = x.size(1);
  const double* const weight = weight_and_bias.const_data_ptr<double>();
  const double* const kept = statistics.const_data_ptr<double>();
  double* const shares = sums.mutable_data_ptr<double>();
  T* const out = result.mutable_data_ptr<T>();
  for_each_image(x, [&](std::int64_t n) {
    const Pixels<T> pixels = image<T>(x, n);
    Affine<Wide> affine(channels);
    for (std::int64_t c = 0; c < channels; ++c) {
      affine.mean[static_cast<std::size_t>(c)] = static_cast<Wide>(kept[n * 2 * channels + c]);
      affine.inverse[static_cast<std::size_t>(c)] =
          static_cast<Wide>(kept[(n * 2 + 1) * channels + c]);
    }
    affine.set(weight, weight + channels);
    apply_backward(pixels, image<T>(gradient, n).data, affine, relu, shares + n * 2 * channels,
                   out + n * pixels.count * channels);
  });
}

class InstanceNormFunction : public torch::autograd::Function<InstanceNormFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& input, const torch::Tensor& weight,
                               const torch::Tensor& bias, bool relu) {
    const torch::Tensor x = channels_last(input);
    const torch::Tensor affine = torch::stack({weight, bias}).to(torch::kFloat64);  // [2,C]
    torch::Tensor statistics =
        torch::empty({x.size(0), 2, x.size(1)}, affine.options());  // [N,2,C]
    torch::Tensor y = torch::empty_like(x);
    switch (x.scalar_type()) {
      case torch::kFloat64:
        normalise<double>(x, affine, relu, statistics, y);
        break;
      case torch::kBFloat16:
        normalise<c10::BFloat16>(x, affine, relu, statistics, y);
        break;
      default:
        normalise<float>(x, affine, relu, statistics, y);
    }
    context->save_for_backward({x, affine, statistics});
    context->saved_data["relu"] = relu;
    context->saved_data["dtype"] = weight.scalar_type();
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    if (torch::GradMode::is_enabled())
      throw Error(ExitCode::internal, "instance_norm: no second derivative on the CPU");
    const auto saved = context->get_saved_variables();
    const torch::Tensor &x = saved[0], &affine = saved[1], &statistics = saved[2];
    const bool relu = context->saved_data["relu"].toBool();
    const torch::Tensor gradient = channels_last(gradients[0]);
    torch::Tensor sums = torch::empty_like(statistics);
    torch::Tensor result = torch::empty_like(x);
    switch (x.scalar_type()) {
      case torch::kFloat64:
        normalise_backward<double>(x, gradient, affine, relu, statistics, sums, result);
        break;
      case torch::kBFloat16:
        normalise_backward<c10::BFloat16>(x, gradient, affine, relu, statistics, sums, result);
        break;
      default:
        normalise_backward<float>(x, gradient, affine, relu, statistics, sums, result);
    }
    const torch::Tensor total = sums.sum(0).to(context->saved_data["dtype"].toScalarType());
    return {result, total[1], total[0], torch::Tensor()};
  }
};

/// The same of torch's own operations, for devices the loops above do not reach.
torch::Tensor composed(const torch::Tensor& x, const torch::Tensor& weight,
                       const torch::Tensor& bias, bool relu) {
  const auto wide = x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  const torch::Tensor y = torch::instance_norm(x.to(wide), weight.to(wide), bias.to(wide), {}, {},
                                               /*use_input_stats=*/true, 0.1, kEpsilon, true)
                              .to(x.scalar_type());
  return relu ? torch::relu(y) : y;
}

}  // namespace

torch::Tensor instance_norm(const torch::Tensor& x, const torch::Tensor& weight,
                            const torch::Tensor& bias, bool relu) {
  if (!x.is_cpu()) return composed(x, weight, bias, relu);
  return InstanceNormFunction::apply(x, weight, bias, relu);
}

}  // namespace pgan::nn
