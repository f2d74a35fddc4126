#pragma once
#include <filesystem>

namespace pgan::checkpoint {

/// Keeps a second job off a run's folder: a lock on `<run>/.lock` that ends with the process,
/// however that ends. For rank 0 alone, inside comm::agree.
class RunLock {
 public:
  /// Makes the folder if needed. Throws CheckpointError when another job holds it or it is
  /// unwritable.
  explicit RunLock(const std::filesystem::path& run);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace pgan::checkpoint
