#pragma once
#include <cstddef>
#include <filesystem>
#include <span>

#include "checkpoint/manifest.h"
#include "checkpoint/safetensors.h"

namespace pgan::checkpoint {

/// One shard of a checkpoint, opened and found to be what the manifest says, headers and sizes.
class ShardFile {
 public:
  /// Throws CheckpointError naming the file. manifest must outlive this object.
  ShardFile(const std::filesystem::path& folder, const Manifest& manifest, std::size_t rank);

  /// Fills bytes with piece `index` and checks it. Throws CheckpointError naming file and piece.
  void read(std::size_t index, std::span<std::byte> bytes) const;

 private:
  const Manifest& manifest_;
  const Shard& shard_;
  std::filesystem::path path_;
  SafetensorsFile file_;
};

}  // namespace pgan::checkpoint
