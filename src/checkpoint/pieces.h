#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <torch/types.h>

#include "checkpoint/manifest.h"
#include "core/types.h"

namespace pgan::checkpoint {

/// Pieces that rank `rank` of `ranks` writes: its equal share by bytes of all tensors laid end to
/// end (largest element size first, then by name, so that all data is aligned), cut at elements. A
/// pure function; over all ranks each element occurs once.
std::vector<Piece> plan_share(const std::map<std::string, TensorEntry>& tensors, int rank,
                              int ranks);

/// For each piece of each shard, in order, the reading rank (of `ranks`): nearly equal bytes,
/// ascending.
std::vector<int> plan_readers(const Manifest& manifest, int ranks);

/// Bytes of a piece.
std::int64_t piece_bytes(const std::map<std::string, TensorEntry>& tensors, const Piece& piece);

/// Names, shapes and dtypes. Throws CheckpointError for a dtype that cannot be stored.
std::map<std::string, TensorEntry> describe(const TensorMap& state);

/// Copies elements [first, first + count) of a tensor, in row-major order, to or from contiguous
/// host bytes, whatever its strides and device, without a second full copy.
void copy_out(const torch::Tensor& tensor, std::int64_t first, std::int64_t count,
              std::span<std::byte> bytes);
void copy_in(const torch::Tensor& tensor, std::int64_t first, std::int64_t count,
             std::span<const std::byte> bytes);

}  // namespace pgan::checkpoint
