#pragma once
#include <cstdint>
#include <string>

#include "core/options.h"

namespace pgan::train {

struct TrainOptions {
  std::int64_t seed = 0;
  std::int64_t max_steps = 0;  ///< from the run's beginning, also after a resume; 0 = no limit
  bool mirror = true;
  double ema_kimg = 11;
  double tick_kimg = 0;  ///< 0 = by resolution
  double snapshot_kimg = 100;
  double metrics_kimg = 0;
  std::int64_t metrics_images = 256;
  double checkpoint_kimg = 200;
  double checkpoint_minutes = 30;  ///< of wall clock, rank 0's; 0 = by kimg alone

  std::string on_nonfinite = "skip";
  std::string trace;  ///< "100-110": steps recorded in a Chrome trace; empty: none
  std::int64_t replica_check_steps = 1000;  ///< 0 = at the start and after growth alone

  struct Range {
    std::int64_t first = -1, last = -1;
  };
  /// trace, parsed; {-1, -1} for none. Throws ConfigError.
  Range traced_steps() const;

  void visit(OptionVisitor& visitor);
  void validate() const;  ///< throws ConfigError
};

}  // namespace pgan::train
