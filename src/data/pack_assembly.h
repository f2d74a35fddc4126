#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/pack_plan.h"

namespace pgan::data {

/// What became of the pictures.
struct PackReport {
  std::int64_t written = 0;
  std::int64_t upscaled = 0;  ///< squares smaller than the largest level
  std::int64_t resolution = 0;
  std::int64_t bytes = 0;  ///< of the whole pack
  std::string crop;
  std::vector<Skipped> skipped;  ///< in the listing's order
};

/// Makes a pack of finished chunks: writes indexes, labels, the list of what was left out, and
/// dataset.json into `folder`, where the shards are. ledgers: of all chunks, in order. Throws
/// DataError (a ledger is missing, nothing was kept, a pair lost one of its pictures, no space).
PackReport assemble_pack(const Listing& listing, const PackPlan& plan,
                         const std::vector<std::filesystem::path>& ledgers,
                         const std::filesystem::path& folder);

}  // namespace pgan::data
