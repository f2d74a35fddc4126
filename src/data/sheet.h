#pragma once
#include <cstdint>

#include <torch/types.h>

#include "core/options.h"
#include "data/pack.h"

namespace pgan::data {

struct SheetOptions {
  std::int64_t count = 48;
  std::int64_t columns = 8;
  std::int64_t first = -1;      ///< record to begin with; -1: spread evenly over the pack
  std::int64_t resolution = 0;  ///< level to show; 0: the largest
  bool labels = true;           ///< names of the labels that are set, below each picture
  void visit(OptionVisitor& visitor);
  void validate() const;  ///< throws ConfigError
};

/// A contact sheet of a pack's pictures: uint8 [3,H,W]. Domains take turns, so that pairs stand
/// side by side. Below each picture: the labels that are set, name=value for those that are no 0 or
/// 1, or the first caption. Damaged pictures are grey. Small pictures are enlarged by whole factors
/// (nearest), so that single pixels show. Throws DataError.
torch::Tensor contact_sheet(const Pack& pack, const SheetOptions& options);

}  // namespace pgan::data
