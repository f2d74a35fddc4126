#include "checkpoint/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/error.h"

namespace pgan::checkpoint {

RunLock::RunLock(const std::filesystem::path& run) {
  std::error_code error;
  std::filesystem::create_directories(run, error);
  if (error) {
    throw CheckpointError("cannot make the run's folder " + run.string() + ": " + error.message());
  }
  const std::filesystem::path file = run / ".lock";
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    throw CheckpointError("cannot write to the run's folder " + run.string() + ": " +
                          errno_text(errno));
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int error_number = errno;
  // A file system without locks: better to train unguarded than not at all.
  if (error_number == ENOLCK || error_number == ENOTSUP || error_number == ENOSYS) return;
  ::close(descriptor_);
  throw CheckpointError("the run's folder " + run.string() +
                        " is in use by another job; wait for it to end, or choose another --run");
}

RunLock::~RunLock() {
  ::close(descriptor_);
}

}  // namespace pgan::checkpoint
