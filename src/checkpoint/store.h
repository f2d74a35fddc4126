#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "checkpoint/file.h"
#include "checkpoint/load.h"
#include "checkpoint/manifest.h"
#include "comm/agree.h"
#include "comm/communicator.h"
#include "core/options.h"
#include "core/types.h"

namespace pgan::checkpoint {

/// The file system did not answer within drain_timeout_seconds; its thread may still be writing.
class DrainTimeout : public comm::AgreedError {
 public:
  using AgreedError::AgreedError;
};

struct StoreOptions {
  std::int64_t keep_last = 3;  ///< newest checkpoints kept; 0 = all
  double keep_every_kimg = 0;  ///< also keep the first of every so many kimg; 0 = none
  /// A metric's name, to keep the best by: the app makes a Rating of it. Empty: none.
  std::string keep_best = {};
  double drain_timeout_seconds = 600;  ///< longest wait for the file system at the end of a run
  void visit(OptionVisitor& v);
  void validate() const;  ///< throws ConfigError
};

/// How good a checkpoint is, by its images; the higher the better; nullopt: not known.
using Rating = std::function<std::optional<double>(std::int64_t images)>;

/// What a store asks of its owner, on rank 0's thread.
struct StoreHooks {
  Rating rating = nullptr;  ///< after a commit: which checkpoint not to delete
  std::function<void()> before_commit = nullptr;  ///< syncs what belongs to the saved state
};

/// Saves a run's state without making any collective wait on a file system.
///
/// begin() starts a thread that copies this rank's share to host memory, while the caller goes on
/// up to the next change of the state, then writes it into a hidden folder
/// `.images-000000600000.<token>.partial` and syncs it; the token differs from job to job, so that
/// the last rank of a dying job cannot write into the next job's files. Ranks tell each other
/// poll(); once all are synced, all call commit(): they exchange checksums, and rank 0's thread
/// writes the manifest, renames the folder to `images-000000600000`, replaces the symbolic link
/// `latest`, and only then deletes what retention lets go. Until then older checkpoints are
/// untouched, also when a write fails.
///
/// One thread calls it. Extra memory: this rank's share, kept for the next save.
class Store {
 public:
  enum class Writing {
    idle,     ///< nothing under way: begin() may be called
    writing,  ///< the thread is at work (rank 0: also while it commits)
    synced,   ///< this rank's share is on disk: commit() once every rank says so
    failed    ///< see failure(); begin() may be called again
  };

  /// Collective. Makes the run's folder; rank 0 clears what a killed job left half-written.
  /// Throws comm::AgreedError (exit 4) when the folder cannot be made. host must outlive the store.
  Store(std::filesystem::path run, comm::Communicator& host, StoreOptions options,
        StoreHooks hooks = {});
  /// Waits for this rank's thread, 10 s at most: a file system that hangs must not keep a failed
  /// job alive.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Collective: the run goes on from this checkpoint of its folder. Does what a crash kept it
  /// from: `latest`, retention; and renames checkpoints beyond it, which were found not whole, to
  /// `damaged-images-...`.
  void take_up(const Found& found);

  /// Not collective, but for every rank to call at the same step, when no rank is writing. The
  /// state's values must not change before await_copy() has returned.
  /// manifest: rank 0's is written; state: the same names, shapes and dtypes on every rank, of
  /// any strides and device. A save that was not committed is dropped; one that rank 0 is just
  /// committing is waited for. Throws Error (internal) while this rank is still writing,
  /// CheckpointError for a dtype that cannot be stored.
  void begin(Manifest manifest, const TensorMap& state);

  /// Returns once the state of the last begin() is copied and may change; at once when there is
  /// none. Not collective.
  void await_copy();

  Writing poll() const;
  /// Why poll() is `failed`, on this rank: one line.
  std::string failure() const;

  /// Collective, when every rank is synced. Returns at once; rank 0 says `writing` until the
  /// checkpoint is in place, then `idle` (or `failed`).
  void commit();

  /// Collective: waits until nothing is under way, commits what all have synced, and returns when
  /// it is in place. Throws comm::AgreedError (exit 4) on every rank if the last save failed or the
  /// file system took longer than drain_timeout_seconds.
  void drain();

 private:
  struct Job;
  void join();

  std::filesystem::path run_;
  std::string token_;  ///< of this job, the same on every rank
  comm::Communicator& host_;
  StoreOptions options_;
  StoreHooks hooks_;
  /// Shared with the thread, which outlives the store when drain() gave up on it.
  std::shared_ptr<Job> job_;
  std::shared_ptr<FileBuffer> buffer_;
  std::future<void> copied_;
  std::thread thread_;
};

}  // namespace pgan::checkpoint
