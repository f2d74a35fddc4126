#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "data/output_file.h"
#include "data/pack_info.h"
#include "data/tar.h"

namespace pgan::data {

/// Writes one level of a pack: its shards and its index.
class LevelWriter {
 public:
  /// Levels up to this many pixels a side are kept raw.
  static constexpr std::int64_t kLargestRaw = 128;

  /// A shard ends once it holds shard_bytes. Throws DataError, as all members do, when the files
  /// cannot be written.
  LevelWriter(std::filesystem::path folder, std::int64_t resolution, std::uint64_t shard_bytes);
  /// picture: the whole picture file. json: written after it, where not empty.
  void add(const std::string& key, std::span<const std::uint8_t> picture, const std::string& json);
  /// Closes the files; returns what dataset.json says of the level.
  PackLevel finish();

 private:
  void begin_shard();
  void end_shard();

  std::filesystem::path folder_;
  std::uint64_t shard_bytes_;
  PackLevel level_;
  OutputFile index_;
  std::unique_ptr<TarWriter> tar_;
};

inline std::span<const std::uint8_t> bytes_of(const void* data, std::size_t size) {
  return {static_cast<const std::uint8_t*>(data), size};
}

}  // namespace pgan::data
