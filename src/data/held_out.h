#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "data/pack.h"

namespace pgan::data {

/// One rank's share of the pictures that measurements are taken on.
struct HeldOut {
  torch::Tensor images;               ///< uint8 [N,3,R,R], RGB
  torch::Tensor labels;               ///< float32 [N,C]
  std::vector<std::int64_t> records;  ///< N record numbers of the pack, ascending
};

/// Up to `most` records that training does not read, evenly spread: of the test split, all domains
/// together; of the validation split where there is no test split; none where neither is.
/// Ascending.
std::vector<std::int64_t> held_out_records(const PackInfo& info, std::int64_t most);

/// Reads those of held_out_records() at places rank, rank + ranks, …: all ranks together hold each
/// once. Damaged ones are left out, each with a line in `reports`. Not collective. Throws DataError
/// when the pack lacks the resolution.
HeldOut read_held_out(const Pack& pack, std::int64_t resolution, std::int64_t most, int rank,
                      int ranks, std::vector<std::string>& reports);

}  // namespace pgan::data
