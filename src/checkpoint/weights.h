#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "checkpoint/safetensors.h"
#include "comm/communicator.h"
#include "core/types.h"

namespace pgan::checkpoint {

/// Networks apart from their training: what an exported file holds, or a checkpoint without its
/// optimizers (docs/formats.md).
struct Weights {
  std::string recipe;        ///< the model's name
  std::string architecture;  ///< JSON: what the model says of itself
  Growth growth;
  std::int64_t images = 0;  ///< the clock when they were taken
  TensorMap tensors;        ///< contiguous, on the CPU, by part and name: "G_ema/4.conv.weight"
};

/// From an exported file, or the newest whole checkpoint of a folder; every byte is checked where
/// there are checksums. Throws CheckpointError.
Weights read_weights(const std::filesystem::path& where);

/// Collective: rank 0 reads (other hosts may see other files), all get the same. Throws
/// comm::AgreedError.
Weights read_weights(const std::filesystem::path& where, comm::Communicator& host);

/// Architecture, growth and clock as the metadata of an exported file. network: what the file
/// holds, whose tensors then go without its name in front; empty: several, with their names.
Metadata export_metadata(const Weights& weights, const std::string& network);

}  // namespace pgan::checkpoint
