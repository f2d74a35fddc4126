#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "core/options.h"
#include "data/importer.h"

namespace pgan::data {

struct PackOptions {
  std::int64_t resolution =
      0;  ///< largest level; 0: the largest power of two that fits the squares
  std::string crop = "auto";
  std::int64_t threads = 0;      ///< 0: one a processor
  std::int64_t shard_mib = 256;  ///< a shard ends once it holds this much
  bool strict = false;           ///< the first bad picture stops
  bool force = false;            ///< an older pack at the same place is replaced
  void visit(OptionVisitor& visitor);
  void validate() const;  ///< throws ConfigError
};

/// Called from the calling thread now and then; throwing from it stops the work and cleans up.
using ProgressReport = std::function<void(std::int64_t done, std::int64_t total)>;

/// Called with one line, file and reason, for each picture that is skipped.
using BadPicture = std::function<void(const std::string&)>;

/// What became of the pictures.
struct PackReport {
  std::int64_t written = 0;
  std::int64_t upscaled = 0;  ///< squares smaller than the largest level
  std::int64_t resolution = 0;
  std::int64_t bytes = 0;  ///< of the whole pack
  std::string crop;
  std::int64_t bad = 0;  ///< skipped pictures
};

/// Packs pictures into a folder: into "<out>.partial-<pid>" first, renamed when whole, so that
/// nothing half-made stays behind. The same sources give the same bytes whatever the thread count.
/// Throws ConfigError (the folder is in use, options), DataError (strict and a bad picture, no good
/// picture at all, no space, no permission).
PackReport write_pack(const Listing& listing, const std::filesystem::path& out,
                      const PackOptions& options, const ProgressReport& report,
                      const BadPicture& on_bad);

/// The largest power of two (4 to 1024) that the typical square of these pictures fills.
/// 4 when no picture can be read.
std::int64_t fitting_resolution(const Listing& listing, Crop crop);

}  // namespace pgan::data
