#pragma once
#include <cstdint>
#include <map>
#include <string>

namespace pgan::train {

/// What a run counts beside its clock and its tensors; kept in checkpoints, so that reports go on
/// after a resume as if it had never stopped.
struct Counters {
  std::int64_t skipped = 0;                              ///< updates, since the run's beginning
  std::map<std::string, std::int64_t> skipped_in_a_row;  ///< by phase
  std::int64_t rollbacks = 0;  ///< to an earlier checkpoint; part of what keys the random draws
  double elapsed_seconds = 0;  ///< of training, over all sessions

  /// Since the last tick.
  struct Window {
    std::int64_t begin_step = 0;  ///< steps done when it began
    std::int64_t images = 0, steps = 0;
    std::map<std::string, double> loss_sums;
    std::map<std::string, std::int64_t> loss_counts;  ///< updates in each sum
    double seconds = 0, data_wait = 0, rank_wait = 0;
  } window;

  std::string to_json() const;
  /// Throws CheckpointError naming `where` for a text that to_json() did not write.
  static Counters from_json(const std::string& text, const std::string& where);
};

}  // namespace pgan::train
