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

/// As Pictures::read(), but what is not the picture's fault (no memory) is an Error that is no
/// DataError: it ends the work, where a DataError leaves the picture out.
torch::Tensor read_picture(const Listing& listing, const Source& source,
                           const DecodeOptions& options);

/// Reads, cuts, reduces and encodes one picture. Any thread. Throws Error as read_picture().
Prepared prepare(const Listing& listing, const Source& source, const PackPlan& plan);

/// key.json: what WebDataset readers get beside the picture. Labels that are 0 are left out.
std::string record_json(const Listing& listing, const Source& source);

}  // namespace pgan::data
