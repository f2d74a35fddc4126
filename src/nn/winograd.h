#pragma once
#include <torch/types.h>

namespace pgan::nn {

/// Whether winograd_convolution() takes these: float32 on the CPU, weight [K,C,3,3] with K and C
/// multiples of 16 from 32 on, x [N,C,H,W] with H and W multiples of 4.
bool winograd_fits(const torch::Tensor& x, const torch::Tensor& weight);

/// torch's convolution of stride 1 and padding 1, with both gradients by F(4x4, 3x3) of Lavin and
/// Gray 2016 (Fast algorithms for convolutional neural networks, section 4.3): a quarter of the
/// multiplications. Their rounding errors are about 1e-5 of the largest value; a direct
/// convolution's are 3e-7 to 3e-6. Forward, where such errors would open and close ReLUs behind it
/// and so change gradients by some 1e-3, is direct. Returns [N,K,H,W], channels last. Second
/// derivatives are those of torch's convolution.
torch::Tensor winograd_convolution(const torch::Tensor& x, const torch::Tensor& weight);

}  // namespace pgan::nn
