#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "data/pack_plan.h"

namespace pgan::data {

/// One picture as a pack holds it; or why it is left out.
struct Prepared {
  std::vector<std::vector<std::uint8_t>> files;  ///< one a planned level, empty for reduced ones
  bool upscaled = false;
  std::string crop;  ///< what was cut
  std::string bad;   ///< the reason, where not empty
};

/// Reads, cuts, reduces and encodes one picture. Any thread.
Prepared prepare(const Listing& listing, const Source& source, const PackPlan& plan);

/// key.json: what WebDataset readers get beside the picture.
std::string record_json(const Listing& listing, const Source& source);

}  // namespace pgan::data
