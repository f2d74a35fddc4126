#pragma once
#include <cstdint>
#include <string_view>

#include <torch/types.h>

#include "core/types.h"

namespace pgan {

/// Philox4x32-10 block of four 32-bit words (Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011). A pure function: the same key and counter give the same words everywhere.
struct PhiloxBlock {
  std::uint32_t word[4];
};
PhiloxBlock philox(std::uint64_t key, std::uint64_t counter_low, std::uint64_t counter_high);

/// 64-bit FNV-1a of a name, to key draws by names (layers, phases).
std::uint64_t name_key(std::string_view name);

/// Standard normal float64 values for a named tensor, e.g. a layer's first weights.
/// Depends on (seed, name, shape) alone. Returns float64 of `shape` on the CPU.
torch::Tensor named_normal(std::uint64_t seed, std::string_view name, torch::IntArrayRef shape);

/// Uniform float64 values in [0,1) for a named tensor; keyed and shaped as named_normal's.
torch::Tensor named_uniform(std::uint64_t seed, std::string_view name, torch::IntArrayRef shape);

/// Counter-based draws of one phase of one step.
///
/// Every value is keyed by (seed, step, phase, draw, global row, element), so that a row gets the
/// same value on whichever rank it lives (law 2 of docs/architecture.md). Each call is one draw:
/// ranks must make the same calls in the same order. Not thread-safe.
class Noise {
 public:
  /// options: dtype and device of the tensors made; values are drawn in float64 on the CPU first.
  Noise(std::uint64_t seed, std::int64_t step, std::string_view phase, RowShare rows,
        torch::TensorOptions options = torch::kFloat32);

  torch::Tensor normal(torch::IntArrayRef shape);   ///< standard normal [N, ...shape]
  torch::Tensor uniform(torch::IntArrayRef shape);  ///< [0,1) of [N, ...shape]
  /// int64 in [0, high) of [N, ...shape]. high >= 1.
  torch::Tensor integers(std::int64_t high, torch::IntArrayRef shape);
  /// int64 [rows.global]: a permutation of the global rows, the same on every rank.
  torch::Tensor permutation();
  std::int64_t rows() const { return static_cast<std::int64_t>(rows_.rows.size()); }

 private:
  template <class Fill>
  torch::Tensor draw(torch::IntArrayRef shape, torch::Dtype dtype, Fill fill);
  std::uint64_t next_key();

  std::uint64_t phase_key_;
  std::uint64_t draws_ = 0;
  RowShare rows_;
  torch::TensorOptions options_;
};

}  // namespace pgan
