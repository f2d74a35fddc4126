#include "nn/plain.h"

#include <cmath>
#include <utility>

#include "core/noise.h"
#include "nn/instance_norm.h"
#include "nn/winograd.h"

namespace pgan::nn {
namespace {

/// Up to this many output pixels an image, reading the weight takes longer than multiplying with
/// it, and a matrix product reads it once while convolution kernels rearrange it first.
constexpr std::int64_t kProductPixels = 16;

/// Up to this many output channels leave most of a CPU's vector lanes idle.
constexpr std::int64_t kFewChannels = 4;

torch::Tensor uniform(const std::string& name, torch::IntArrayRef shape, double bound,
                      const Init& init) {
  return named_uniform(init.seed, name, shape)
      .mul_(2 * bound)
      .sub_(bound)
      .to(init.device, init.dtype);
}

}  // namespace

bool gains_from_bfloat16(const torch::Device& device) {
  if (!device.is_cpu()) return true;
#ifdef __x86_64__
  return __builtin_cpu_supports("avx512bf16");
#else
  return true;
#endif
}

Convolution::Convolution(const std::string& name, const ConvolutionShape& shape, const Init& init)
    : shape_(shape), compute_(init.compute.value_or(init.dtype)) {
  const std::int64_t rows = shape.transposed ? shape.in : shape.out;
  const std::int64_t columns = shape.transposed ? shape.out : shape.in;
  const double bound = 1 / std::sqrt(static_cast<double>(columns * shape.kernel * shape.kernel));
  weight = register_parameter(
      "weight",
      uniform(name + ".weight", {rows, columns, shape.kernel, shape.kernel}, bound, init));
  if (shape.bias)
    bias = register_parameter("bias", uniform(name + ".bias", {shape.out}, bound, init));
}

torch::Tensor Convolution::forward(const torch::Tensor& input) const {
  const torch::Tensor x = input.to(compute_), used = weight.to(compute_);
  const std::int64_t height = (x.size(2) + 2 * shape_.padding - shape_.kernel) / shape_.stride + 1;
  const std::int64_t width = (x.size(3) + 2 * shape_.padding - shape_.kernel) / shape_.stride + 1;
  if (!shape_.transposed && x.is_cpu() && height * width <= kProductPixels)
    return as_product(x, used);
  if (!shape_.transposed && shape_.stride == 1 && !bias.defined() && x.is_cpu()) {
    if (shape_.padding == 1 && winograd_fits(x, used)) return winograd_convolution(x, used);
    if (shape_.out <= kFewChannels && height % 2 == 0 && width % 2 == 0) return in_fours(x, used);
  }
  return torch::convolution(x, used, bias.defined() ? bias.to(compute_) : bias,
                            {shape_.stride, shape_.stride}, {shape_.padding, shape_.padding},
                            {1, 1}, shape_.transposed, {0, 0}, 1);
}

torch::Tensor Convolution::as_product(const torch::Tensor& x, const torch::Tensor& used) const {
  const std::int64_t n = x.size(0), k = shape_.kernel, s = shape_.stride, p = shape_.padding;
  const std::int64_t height = (x.size(2) + 2 * p - k) / s + 1;
  const torch::Tensor patches = torch::im2col(x, {k, k}, {1, 1}, {p, p}, {s, s});  // [N,in*k*k,L]
  const torch::Tensor columns = patches.transpose(0, 1).flatten(1);                // [in*k*k,N*L]
  torch::Tensor y = used.flatten(1).mm(columns);                                   // [out,N*L]
  if (bias.defined()) y = y + bias.to(compute_).unsqueeze(1);
  return y.view({shape_.out, n, height, -1}).transpose(0, 1);
}

/// Four neighbouring pixels at once, as four times the channels of a kernel one larger of stride 2:
/// each pixel's weights have their place in it and zeros beside it.
torch::Tensor Convolution::in_fours(const torch::Tensor& x, const torch::Tensor& used) const {
  std::vector<torch::Tensor> shifted;
  for (const std::int64_t down : {0, 1}) {
    for (const std::int64_t right : {0, 1})
      shifted.push_back(torch::constant_pad_nd(used, {right, 1 - right, down, 1 - down}));
  }
  const torch::Tensor four = torch::stack(shifted, 1).flatten(0, 1);  // [4 out,in,k+1,k+1]
  const std::int64_t p = shape_.padding;
  return torch::pixel_shuffle(torch::conv2d(x, four, {}, 2, {p, p}), 2);
}

InstanceNorm::InstanceNorm(std::int64_t channels, bool relu, const Init& init) : relu_(relu) {
  const auto options = torch::TensorOptions(init.dtype).device(init.device);
  weight = register_parameter("weight", torch::ones({channels}, options));
  bias = register_parameter("bias", torch::zeros({channels}, options));
}

torch::Tensor InstanceNorm::forward(const torch::Tensor& x) const {
  return instance_norm(x, weight, bias, relu_);
}

void Sequence::add(std::int64_t number, std::shared_ptr<Layer> layer) {
  layers_.push_back(register_module(std::to_string(number), std::move(layer)));
}

torch::Tensor Sequence::forward(const torch::Tensor& x) const {
  torch::Tensor y = x;
  for (const auto& layer : layers_) y = layer->forward(y);
  return y;
}

}  // namespace pgan::nn
