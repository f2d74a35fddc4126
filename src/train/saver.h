#pragma once
#include <chrono>
#include <functional>
#include <optional>

#include "checkpoint/store.h"
#include "comm/communicator.h"
#include "core/types.h"
#include "train/coordinator.h"

namespace pgan::train {

/// When a run is saved, and what becomes of a save that fails: a line at first, the end of the run
/// with exit 4 at the third in a row. All ranks make the same calls with the same directives.
class Saver {
 public:
  /// begin: Store::begin with the state as it is. minutes: between saves by rank 0's clock; 0:
  /// never by the clock. References must outlive the saver.
  Saver(checkpoint::Store& store, comm::Communicator& host, double minutes,
        std::function<void()> begin);

  /// The state of this step is in the run's folder already.
  void is_saved(const Progress& progress) { saved_ = progress; }
  /// On rank 0: time for a save by the clock, which is a minute after one that failed. For
  /// LocalStatus.
  bool wanted_by_clock() const;

  /// After a step: commits what every rank has synced, or begins a save if one is due (or was, and
  /// the last one was still being written). Collective where it throws: comm::AgreedError.
  void after_step(const Directive& directive, bool due, const Progress& progress);

  /// Collective: leaves a checkpoint of the last step in place. Throws comm::AgreedError (exit 4).
  void last_step(const Progress& progress);

 private:
  void watch(const Directive& directive);
  void note_failure(const Directive& directive);
  void begin(const Progress& progress);
  double seconds_since_begin() const;

  checkpoint::Store& store_;
  comm::Communicator& host_;
  double minutes_;
  std::function<void()> begin_;
  std::optional<Progress> saved_;  // of the newest save begun here or resumed from
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  bool due_ = false, committing_ = false;
  bool failure_seen_ = false, slowness_told_ = false;  // of the save under way
  int failures_ = 0;                                   // in a row
};

}  // namespace pgan::train
