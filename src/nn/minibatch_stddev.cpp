#include "nn/minibatch_stddev.h"

namespace pgan::nn {

torch::Tensor minibatch_stddev(const torch::Tensor& x, std::int64_t group) {
  constexpr double kEpsilon = 1e-8;
  const std::int64_t n = x.size(0), h = x.size(2), w = x.size(3);
  const torch::Tensor y = x.reshape({group, n / group, x.size(1), h, w});  // [g,M,C,H,W]
  const torch::Tensor variance = (y - y.mean(0, /*keepdim=*/true)).square().mean(0);
  const torch::Tensor scalar =
      torch::sqrt(variance + kEpsilon).mean({1, 2, 3}, /*keepdim=*/true);  // [M,1,1,1]
  return scalar.repeat({group, 1, h, w});
}

}  // namespace pgan::nn
