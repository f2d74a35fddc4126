#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"
#include "data/crop.h"
#include "data/decode.h"
#include "data/importer.h"
#include "data/pack_info.h"

namespace pgan::data {

struct PackOptions {
  std::int64_t resolution = 0;  ///< largest level; 0: what nine of ten pictures fill
  std::int64_t native = 0;      ///< a level beside the powers of two; 0: as the layout says
  std::string crop = "auto";
  std::string upscale = "no";          ///< "no": pictures that are too small are left out
  std::string encode = "raw,256:png";  ///< see plan_levels()
  std::int64_t max_pixels = 100'000'000;
  double test_fraction = 0;      ///< held out, by the pictures' names; 0: the set's own split
  std::int64_t threads = 0;      ///< of each rank; 0: one a processor
  std::int64_t shard_mib = 256;  ///< a shard holds about this much
  bool strict = false;           ///< the first bad picture stops
  bool force = false;            ///< an older pack at the same place is replaced
  void visit(OptionVisitor& visitor);
  void validate() const;  ///< throws ConfigError
};

/// One level as it is to be written.
struct PlannedLevel {
  std::int64_t resolution = 0;
  Encoding encoding = Encoding::ppm;
  std::int64_t quality = 0, from = 0;  ///< as in PackLevel
};

/// Everything that decides the bytes of a pack, beside its pictures.
struct PackPlan {
  std::int64_t resolution = 0;       ///< largest power of two
  std::vector<PlannedLevel> levels;  ///< ascending
  Crop crop = {};                    ///< may be automatic
  std::int64_t canvas = 0;           ///< as Listing::canvas; 0 where a crop was asked for
  bool upscale = false;
  DecodeOptions decode;
  std::int64_t chunk_records = 1;  ///< sources that make one shard of each level
};

/// Decides. Reads up to 25 pictures to see what fits, if no resolution is given; sources must be in
/// their final order. Throws ConfigError (an encoding without the level it needs).
PackPlan plan_pack(const Listing& listing, const PackOptions& options);

/// Bytes of one record at all levels: the mean of 8, which it prepares; 0 when none can be used.
std::int64_t measured_record_bytes(const Listing& listing, const PackPlan& plan);

/// Levels from "ENCODING[,RESOLUTION:ENCODING]...", each holding up to the next resolution listed:
/// raw, png, jpeg:QUALITY, or reduced (nothing stored: decoded from a larger JPEG level). Throws
/// ConfigError.
std::vector<PlannedLevel> plan_levels(const std::string& encode, std::int64_t resolution,
                                      std::int64_t native);

}  // namespace pgan::data
