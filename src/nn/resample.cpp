#include "nn/resample.h"

#include <vector>

namespace pgan::nn {

torch::Tensor upsample_nearest(const torch::Tensor& x) {
  return torch::upsample_nearest2d(x, {x.size(2) * 2, x.size(3) * 2});
}

torch::Tensor downsample_mean(const torch::Tensor& x) {
  return torch::avg_pool2d(x, 2);
}

torch::Tensor blend(const torch::Tensor& old, const torch::Tensor& fresh, double alpha) {
  return old * (1.0 - alpha) + fresh * alpha;
}

}  // namespace pgan::nn
