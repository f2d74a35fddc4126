#pragma once
#include <memory>
#include <vector>

#include "checkpoint/store.h"
#include "comm/communicator.h"
#include "core/types.h"
#include "train/timeline.h"

namespace pgan::train {

/// What one rank has to say after a step.
struct LocalStatus {
  bool stop_requested = false;
  bool save_wanted = false;  ///< by the wall clock; rank 0 alone asks
  checkpoint::Store::Writing writing = checkpoint::Store::Writing::idle;
  PartSeconds seconds{};  ///< of the last step
  double resident_bytes = 0;
};

/// What all ranks do next, at the same step.
struct Directive {
  bool stop = false;               ///< some rank was asked to: checkpoint and leave with exit 75
  int stop_rank = -1;              ///< the lowest that was
  bool begin_checkpoint = false;   ///< by the wall clock
  bool commit_checkpoint = false;  ///< every rank's share is synced
  bool writer_busy = false;        ///< some rank still writes: no new save may begin
  int write_failed_rank = -1;      ///< the lowest rank whose share could not be written
  double resident_bytes = 0;       ///< the largest over ranks
  std::vector<PartSeconds> seconds{};  ///< of the step before, by rank
};

/// One small collective a step, overlapped with it: every rank's status goes to every rank, and the
/// same pure function of all of them decides on each. What only rank 0 can see (wall clock, files)
/// enters as rank 0's status.
class Coordinator {
 public:
  explicit Coordinator(comm::Communicator& host);
  /// Collective: starts telling the others.
  void post(const LocalStatus& status);
  /// Ends the post() before. Throws CommError.
  Directive collect();

 private:
  comm::Communicator& host_;
  torch::Tensor own_, all_;
  std::unique_ptr<comm::Work> work_;
};

}  // namespace pgan::train
