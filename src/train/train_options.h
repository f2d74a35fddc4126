#pragma once
#include <cstdint>

#include "core/options.h"

namespace pgan::train {

struct TrainOptions {
  std::int64_t seed = 0;
  std::int64_t max_steps = 0;  ///< from the run's beginning, also after a resume; 0 = no limit
  bool mirror = true;
  double ema_kimg = 11;
  double tick_kimg = 0;  ///< 0 = by resolution
  double snapshot_kimg = 100;
  double checkpoint_kimg = 200;
  double checkpoint_minutes = 30;  ///< of wall clock, rank 0's; 0 = by kimg alone

  void visit(OptionVisitor& visitor);
  void validate() const;  ///< throws ConfigError
};

}  // namespace pgan::train
