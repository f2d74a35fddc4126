#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include <torch/types.h>

#include "data/mapped_file.h"
#include "data/pack_info.h"

namespace pgan::data {

/// A packed data set, read through memory maps (docs/formats.md, "Pack").
///
/// Const members are thread-safe. Files that change, shrink or fail while the pack is open give
/// DataErrors for the records concerned.
class Pack {
 public:
  /// Opens a folder and checks dataset.json and the lengths of all files against it; pictures are
  /// checked as they are read, checksums by verify_pack(). Throws DataError; a folder that is no
  /// pack gets a message that says what was expected and how to make one.
  static std::shared_ptr<const Pack> open(const std::filesystem::path& folder);
  /// dataset.json alone. Throws DataError.
  static PackInfo open_info(const std::filesystem::path& folder);
  /// For looking at damage: files that are missing or of another length are noted in `faults`, a
  /// line each, and their records throw when read. Throws DataError for a bad dataset.json.
  static std::shared_ptr<const Pack> open_damaged(const std::filesystem::path& folder,
                                                  std::vector<std::string>& faults);

  const PackInfo& info() const { return info_; }
  const std::filesystem::path& folder() const { return folder_; }
  /// float32 [count, C] on the CPU, a view of the file: not to be written to. C = 0 without labels.
  const torch::Tensor& labels() const { return labels_; }

  /// Throws DataError naming the pack's levels when the resolution is not among them.
  void require_level(std::int64_t resolution) const;

  /// uint8 [3,R,R], RGB. Throws DataError (no such record or level, damaged picture).
  torch::Tensor image(std::int64_t record, std::int64_t resolution) const;
  /// Pixels [R,R,3] RGB of a record: for raw levels a view of the map (valid as long as the pack),
  /// otherwise decoded into `scratch`. Its checksum is compared first. The loader's hot path.
  /// Throws as image().
  std::span<const std::uint8_t> pixels(std::int64_t record, std::int64_t resolution,
                                       std::vector<std::uint8_t>& scratch) const;
  /// The picture file of a record as its level holds it, checksum compared; not of reduced levels.
  /// Throws as image().
  std::span<const std::uint8_t> picture_file(std::int64_t record, std::int64_t resolution) const;
  /// key.json of a record: {"file": …, "labels": {name: value}, …}. Throws DataError.
  std::string record_json(std::int64_t record) const;

 private:
  struct Level {
    MappedFile index;
    std::vector<MappedFile> shards;
    std::string raw_header;
  };
  struct Location {
    const PackShard* shard;
    std::span<const std::uint8_t> tar;
    std::uint64_t offset, bytes, xxh3;
  };
  Pack() = default;
  template <class Map>
  static std::shared_ptr<const Pack> open_with(const std::filesystem::path& folder, Map map);
  std::size_t level_of(std::int64_t resolution) const;
  Location locate(std::size_t level, std::int64_t record) const;
  std::span<const std::uint8_t> checked_bytes(std::size_t level, std::int64_t record) const;
  [[noreturn]] void damaged(const PackShard& shard, std::int64_t record,
                            const std::string& why) const;

  std::filesystem::path folder_;
  PackInfo info_;
  std::vector<Level> levels_;
  MappedFile labels_file_;
  torch::Tensor labels_;
};

}  // namespace pgan::data
