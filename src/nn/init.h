#pragma once
#include <cstdint>
#include <optional>

#include <torch/types.h>

namespace pgan::nn {

/// Where a new layer's tensors come from and live.
struct Init {
  std::uint64_t seed = 0;
  torch::Dtype dtype = torch::kFloat32;
  torch::Device device = torch::kCPU;
  /// Layers of nn/plain.h compute in this dtype (bfloat16), with weights of `dtype`; none: `dtype`.
  std::optional<torch::Dtype> compute = std::nullopt;
};

}  // namespace pgan::nn
