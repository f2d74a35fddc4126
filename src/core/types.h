#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <torch/types.h>

namespace pgan {

/// The run's only clock; every schedule is a pure function of it.
struct Progress {
  std::int64_t step = 0;    ///< optimizer steps done (one of every phase that was due)
  std::int64_t images = 0;  ///< real samples consumed, over all ranks
  bool operator==(const Progress&) const = default;
};

/// Where the networks are in their growth.
struct Growth {
  std::int64_t resolution = 4;  ///< pixels a side of the pictures made now
  double alpha = 1.0;           ///< [0,1], weight of this resolution's own picture; 1 = fully in
  bool fading() const { return alpha < 1.0; }
  bool operator==(const Growth&) const = default;
};

/// The rows of a step that one rank works on, of `global` rows in all.
///
/// Rows are numbered over the whole minibatch: with M groups of g members, row m*M + j is member m
/// of group j (Karras et al. 2018, published code: strided groups). A rank owns whole groups and
/// holds its rows ordered by member, then group, so that code which reshapes local rows to
/// [g, local groups] computes what it would on the whole minibatch.
struct RowShare {
  std::vector<std::int64_t> rows;  ///< this rank's global rows, in local order
  std::int64_t global = 0;         ///< rows of the minibatch over all ranks
};

/// One rank's rows of a step.
struct Batch {
  /// One entry a domain; "images": float32 [N,3,R,R], RGB, range [-1,1].
  std::map<std::string, torch::Tensor> data;
  torch::Tensor labels;  ///< float32 [N,C]; C = 0 when the data set has none
  torch::Tensor
      global_labels;  ///< float32 [rows.global,C], in global row order, same on every rank
  RowShare rows;
  std::int64_t set = 0;  ///< which data set the rows are of, where there are several
};

/// Tensors by name, in a fixed (alphabetical) order.
using TensorMap = std::map<std::string, torch::Tensor>;

}  // namespace pgan
