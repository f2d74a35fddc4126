#pragma once
#include <torch/types.h>

namespace pgan::nn {

/// [N,C,H,W] -> [N,C,2H,2W]: each pixel becomes 2x2.
torch::Tensor upsample_nearest(const torch::Tensor& x);

/// [N,C,2H,2W] -> [N,C,H,W]: means of 2x2.
torch::Tensor downsample_mean(const torch::Tensor& x);

/// (1 - alpha) * old + alpha * fresh, alpha in [0,1]; exactly `old` at 0 and `fresh` at 1.
torch::Tensor blend(const torch::Tensor& old, const torch::Tensor& fresh, double alpha);

}  // namespace pgan::nn
