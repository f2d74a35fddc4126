#pragma once
#include <cstdint>
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

/// Resolves `--precision fp32|fp64`. fp64 is for verification on the CPU. Throws ConfigError.
torch::Dtype resolve_precision(const std::string& choice, torch::Device device);

/// Resident memory of this process, in bytes.
std::int64_t resident_bytes();

}  // namespace pgan
