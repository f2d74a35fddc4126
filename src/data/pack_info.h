#pragma once
#include <bit>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/importer.h"

namespace pgan::data {

/// A file of a pack with what dataset.json says of it.
struct PackFile {
  std::string name = {};  ///< plain file name inside the pack's folder
  std::int64_t bytes = 0;
  std::string xxh3 = {};  ///< XXH3 64-bit checksum, 16 hexadecimal digits
};

/// Consecutive records: [first, first + count).
struct RecordRange {
  std::int64_t first = 0, count = 0;
  bool operator==(const RecordRange&) const = default;
};

/// One tar of a level.
struct PackShard {
  PackFile file = {};
  RecordRange records = {};
};

/// How the pictures of a level are kept.
enum class Encoding {
  ppm,     ///< raw
  png,     ///< lossless
  jpg,     ///< JPEG
  reduced  ///< not at all: a larger JPEG level is decoded at reduced scale
};
/// File extension of pictures, and the encoding's name in dataset.json.
std::string encoding_name(Encoding encoding);

/// All records at one resolution.
struct PackLevel {
  std::int64_t resolution = 0;  ///< pixels a side
  Encoding encoding = Encoding::ppm;
  std::int64_t quality = 0;            ///< jpg: 1 to 100
  std::int64_t from = 0;               ///< reduced: resolution of the JPEG level that is decoded
  PackFile index = {};                 ///< not of reduced levels
  std::vector<PackShard> shards = {};  ///< in record order; none of reduced levels
};

/// Records of one domain and split.
struct PackPart {
  std::int64_t domain = 0;
  Split split = Split::train;
  RecordRange records = {};
};

/// dataset.json, checked (docs/formats.md, "Pack").
struct PackInfo {
  static constexpr std::int64_t kVersion = 2;

  std::int64_t version = kVersion;
  std::string name;                      ///< of the data set, for people
  std::string source;                    ///< layout it was imported from, e.g. "celeba"
  std::string crop;                      ///< how the squares were cut
  std::int64_t count = 0;                ///< records, at least 1
  std::vector<std::string> label_names;  ///< C names, may be empty
  std::vector<std::string> domains;      ///< two names or more; empty where there is one only
  bool paired = false;            ///< record i of one domain belongs to record i of the others
  std::vector<PackPart> parts;    ///< cover all records, ordered by domain, then split
  PackFile labels;                ///< float32 [count, C]; no name when C = 0
  PackFile skipped;               ///< pictures left out, one JSON a line; no name without
  PackFile split;                 ///< version 1 only: u8 [count], not read
  std::vector<PackLevel> levels;  ///< ascending

  /// Where a split of a domain lies; empty when there is none.
  RecordRange range(Split split, std::int64_t domain = 0) const;
  /// All records of a domain.
  RecordRange range_of_domain(std::int64_t domain = 0) const;
  /// The largest level whose size is a power of two; 0 without such a level.
  std::int64_t largest() const;
  std::vector<std::int64_t> resolutions() const;
  /// Every file but dataset.json.
  std::vector<PackFile> files() const;
  /// Bytes of an index's entry: version 1 has no checksums.
  std::int64_t index_entry_bytes() const { return version == 1 ? 16 : 24; }
};

std::string split_name(Split split);

/// What the files of a level begin with: "r0064".
std::string level_name(std::int64_t resolution);
/// A picture's number as its files are named: 8 digits, more beyond 10^8.
std::string record_key(std::int64_t number);
/// What a raw picture of this size begins with.
std::string ppm_header(std::int64_t resolution);

inline bool is_power_of_two(std::int64_t value) {
  return value > 0 && std::has_single_bit(static_cast<std::uint64_t>(value));
}

/// Parses and checks dataset.json: version, counts, names without folders, levels, shards and parts
/// that cover all records. Throws DataError naming file and field.
PackInfo parse_pack_info(const std::string& json, const std::filesystem::path& file);

/// dataset.json's text, of the present version.
std::string pack_info_json(const PackInfo& info);

}  // namespace pgan::data
