#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "core/error.h"
#include "core/types.h"
#include "report/files.h"

namespace pgan::report {

/// What status.json says; host, pid and time are added when it is written.
struct RunStatus {
  std::string state =
      "running";  ///< "running", "done", "stopped" (on request, after a checkpoint), "failed"
  ExitCode exit_code = ExitCode::ok;
  std::string message = {};  ///< one line, for "failed" and "stopped"
  Progress progress = {};
  Growth growth = {};
};

/// The layout of a run's folder (docs/run-folder.md). Making one touches no disk: create() does.
class RunFolder {
 public:
  /// Room that create() asks for unless told otherwise: a small run's samples and checkpoints.
  static constexpr std::int64_t kMinimalBytes = std::int64_t{64} << 20;

  explicit RunFolder(std::filesystem::path root) : root_(std::move(root)) {}

  /// parent/NNNNN-description with the number after the greatest one there (00000 in an empty or
  /// missing parent). Characters other than letters, digits, '.', '_' and '-' become '-'. Only
  /// looks. Throws ConfigError when parent cannot be read.
  static std::filesystem::path next_free(const std::filesystem::path& parent,
                                         const std::string& description);
  /// next_free(), created: two jobs that start together get two folders. Throws as create() does.
  static RunFolder create_next(const std::filesystem::path& parent, const std::string& description,
                               std::int64_t minimal_bytes = kMinimalBytes);

  /// Makes the folder and samples/ where missing, and checks that it can be written and that its
  /// disk has minimal_bytes free. Throws ConfigError (bad path, no permission) or DataError (disk
  /// full).
  void create(std::int64_t minimal_bytes = kMinimalBytes) const;

  /// Removes temporary files of a job that was killed while it replaced a file. For the job that
  /// holds the lock. Warns on failure.
  void clear_temporaries() const;
  /// Puts on disk what was written to the measurements, curves and log so far. Any thread. Throws
  /// DataError.
  void sync() const;

  /// Replaces status.json atomically. Throws as write_text() does.
  void write_status(const RunStatus& status) const;

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path config() const { return root_ / "config.ini"; }
  std::filesystem::path env() const { return root_ / "env.json"; }
  std::filesystem::path status() const { return root_ / "status.json"; }
  std::filesystem::path log() const { return root_ / "log.txt"; }
  std::filesystem::path stats() const { return root_ / "stats.jsonl"; }
  std::filesystem::path metrics() const { return root_ / "metrics.jsonl"; }
  std::filesystem::path samples() const { return root_ / "samples"; }
  std::filesystem::path reals() const { return samples() / "reals.png"; }
  /// samples/fakes-000600.png: thousands of images shown, rounded down, zero-padded.
  std::filesystem::path fakes(std::int64_t images) const;
  /// trace-000100-000110.json: steps, as --trace asks.
  std::filesystem::path trace(std::int64_t first_step, std::int64_t last_step) const;
  /// A file of this name asks the run to stop after a checkpoint.
  std::filesystem::path stop() const { return root_ / "stop"; }
  std::filesystem::path lock() const { return root_ / ".lock"; }

 private:
  std::filesystem::path root_;
};

/// A run's folder belongs to one job: rank 0 holds this while it trains. The kernel lets go when
/// the process dies, however it dies.
class RunLock {
 public:
  /// folder: created. Throws CheckpointError naming the process that holds the lock. Where the file
  /// system knows no locks, warns in the log and goes on.
  explicit RunLock(const RunFolder& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace pgan::report
