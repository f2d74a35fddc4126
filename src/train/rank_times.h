#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "train/timeline.h"

namespace pgan::train {

/// Where each rank's time went, summed over the steps of a tick.
class RankTimes {
 public:
  /// seconds: of one step, by rank.
  void add(const std::vector<PartSeconds>& seconds);
  /// Mean seconds a step, by rank; empty before the first step.
  std::vector<PartSeconds> means() const;

  struct Straggler {
    int rank = 0;
    double ratio = 1;  ///< its own work (data, forward, backward, optimizer) over the median rank's
    Part part = Part::data;  ///< in which it loses most
  };
  /// The rank that works longest, if by more than a fifth over the median, after 5 steps or more.
  std::optional<Straggler> straggler() const;

 private:
  std::vector<PartSeconds> sums_;
  std::int64_t steps_ = 0;
};

}  // namespace pgan::train
