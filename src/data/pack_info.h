#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace pgan::data {

/// A file of a pack with what dataset.json says of it.
struct PackFile {
  std::string name;  ///< plain file name inside the pack's folder
  std::int64_t bytes = 0;
  std::string xxh3;  ///< XXH3 64-bit checksum, 16 hexadecimal digits
};

/// One tar of a level: records [first, first + count).
struct PackShard {
  PackFile file;
  std::int64_t first = 0;
  std::int64_t count = 0;
};

/// All records at one resolution.
struct PackLevel {
  std::int64_t resolution = 0;  ///< pixels a side, a power of two
  std::string encoding;         ///< "ppm" (raw) or "png"
  PackFile index;               ///< two u64 a record: offset of the picture in its shard, its bytes
  std::vector<PackShard> shards;  ///< in record order
};

/// dataset.json, checked (docs/formats.md, "Pack").
struct PackInfo {
  static constexpr std::int64_t kVersion = 1;

  std::int64_t version = kVersion;
  std::string name;                      ///< of the data set, for people
  std::string source;                    ///< layout it was imported from, e.g. "celeba"
  std::string crop;                      ///< how the squares were cut
  std::int64_t count = 0;                ///< records, at least 1
  std::vector<std::string> label_names;  ///< C names, may be empty
  PackFile labels;                       ///< float32 [count, C]; no name when C = 0
  PackFile split;                 ///< u8 [count]: 0 train, 1 validation, 2 test; no name without
  std::vector<PackLevel> levels;  ///< ascending resolutions, each twice the one before

  bool has_split() const { return !split.name.empty(); }
  std::int64_t largest() const { return levels.back().resolution; }
  std::vector<std::int64_t> resolutions() const;
  /// Every file but dataset.json.
  std::vector<PackFile> files() const;
};

/// Parses and checks dataset.json: version, counts, names without folders, levels, shards that
/// cover all records. Throws DataError naming file and field.
PackInfo parse_pack_info(const std::string& json, const std::filesystem::path& file);

/// dataset.json's text.
std::string pack_info_json(const PackInfo& info);

}  // namespace pgan::data
