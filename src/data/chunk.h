#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/pack_plan.h"
#include "data/prepare.h"
#include "data/tar.h"

namespace pgan::data {

/// What became of one chunk's pictures: the ledger that a finished chunk leaves on the disk.
struct ChunkLedger {
  struct Level {
    PackFile shard;                   ///< no name where nothing was kept, or of reduced levels
    std::vector<std::uint8_t> index;  ///< as in the level's index file
  };
  std::vector<std::int64_t> kept;    ///< sources, by number
  std::vector<std::int64_t> bad;     ///< sources that were left out
  std::vector<std::string> reasons;  ///< one of each bad one
  std::vector<std::string> crops;    ///< different ones that were cut
  std::int64_t upscaled = 0;
  std::vector<Level> levels;  ///< as the plan's

  /// Written and durable, or not there at all. Throws DataError.
  void save(const std::filesystem::path& file) const;
  /// No value when the file is absent or damaged.
  static std::optional<ChunkLedger> load(const std::filesystem::path& file);
};

/// Writes the shards of one chunk: sources [chunk * n, (chunk + 1) * n), one shard a level.
class ChunkWriter {
 public:
  /// folder: the pack's. Throws DataError, as all members do, when files cannot be written.
  ChunkWriter(std::filesystem::path folder, const PackPlan& plan, std::int64_t chunk);
  /// In the sources' order. json: record_json().
  void add(std::int64_t source, const Prepared& prepared, const std::string& json);
  /// Closes the shards, durably.
  ChunkLedger finish();

 private:
  std::filesystem::path folder_;
  const PackPlan& plan_;
  std::int64_t chunk_;
  ChunkLedger ledger_;
  std::vector<std::unique_ptr<TarWriter>> tars_;
};

}  // namespace pgan::data
