#pragma once
#include <torch/types.h>

namespace pgan::nn {

/// Instance normalisation (Ulyanov et al. 2016) with epsilon 1e-5, and ReLU where asked for, in one
/// pass over the data. No running statistics: training and sampling compute the same.
///
/// x: [N,C,H,W] of float32, float64 or bfloat16, of which statistics are taken in float32; weight,
/// bias: [C], float32 or float64. Returns x's shape and dtype, on the CPU in channels-last order.
/// On the CPU it is differentiable once: a second derivative throws Error.
torch::Tensor instance_norm(const torch::Tensor& x, const torch::Tensor& weight,
                            const torch::Tensor& bias, bool relu);

}  // namespace pgan::nn
