#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include <torch/types.h>

namespace pgan {

/// Resolves `--device auto|cpu|cuda` for this process.
///
/// LibTorch's CUDA part is not linked: "auto" and "cuda" open libtorch_cuda first, so a CPU run
/// starts in a third of the time and a quarter of the memory. local_rank: rank within the host,
/// which picks the GPU modulo the visible ones. Throws ConfigError when "cuda" is asked and none is
/// usable.
torch::Device resolve_device(const std::string& choice, int local_rank);

/// What `--precision` stands for.
struct Precision {
  torch::Dtype parameters = torch::kFloat32;
  std::optional<torch::Dtype> compute = {};  ///< of convolutions and products, where it is another
};
/// fp32, bf16 (computed in bfloat16, with parameters, norms and losses in float32), or fp64, for
/// verification on the CPU. Throws ConfigError.
Precision resolve_precision(const std::string& choice, torch::Device device);

/// Resident memory of this process, in bytes.
std::int64_t resident_bytes();

}  // namespace pgan
