#pragma once
#include <cstdint>

#include <torch/types.h>

namespace pgan::nn {

/// Minibatch standard deviation (Karras et al. 2018, section 3; groups as in the published code).
///
/// Rows i, i+M, i+2M, … form group i of M = N / group. Within each the standard deviation over
/// members (biased, sqrt(var + 1e-8)) is taken per feature and position, averaged to one scalar,
/// and tiled. x: [N,C,H,W] with N divisible by group. Returns [N,1,H,W]. On one rank's rows in
/// RowShare's order it computes what it would on the whole minibatch.
torch::Tensor minibatch_stddev(const torch::Tensor& x, std::int64_t group);

}  // namespace pgan::nn
