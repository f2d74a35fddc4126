#pragma once
#include <stdexcept>
#include <string>

namespace pgan {

/// Process exit status for each family of failure (docs/errors.md).
enum class ExitCode {
  ok = 0,
  internal = 1,
  usage = 2,
  data = 3,
  checkpoint = 4,
  comm = 5,
  diverged = 6,
  preempted =
      75  ///< stopped on request after a checkpoint: run the same command again (EX_TEMPFAIL)
};

/// Base of everything pgan-train throws on purpose. what() is one line a user can act on: what went
/// wrong, where, what was expected and found, what to do.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

/// Usage or configuration: exit 2.
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& message) : Error(ExitCode::usage, message) {}
};

/// Images, packs, folders that are read: exit 3.
class DataError : public Error {
 public:
  explicit DataError(const std::string& message) : Error(ExitCode::data, message) {}
};

/// A checkpoint that cannot be written, found or read: exit 4.
class CheckpointError : public Error {
 public:
  explicit CheckpointError(const std::string& message) : Error(ExitCode::checkpoint, message) {}
};

/// A transport failed or a peer did not answer in time: exit 5.
class CommError : public Error {
 public:
  explicit CommError(const std::string& message) : Error(ExitCode::comm, message) {}
};

/// Training cannot go on (non-finite gradients): exit 6.
class DivergedError : public Error {
 public:
  explicit DivergedError(const std::string& message) : Error(ExitCode::diverged, message) {}
};

/// The exception in flight as (exit code, one line). Call inside a catch block.
/// An Error keeps its code; std::bad_alloc and anything else is ExitCode::internal.
struct Failure {
  ExitCode code = ExitCode::ok;
  std::string message;
};
Failure current_failure();

/// Text of an errno value, e.g. "No space left on device".
std::string errno_text(int error_number);

}  // namespace pgan
