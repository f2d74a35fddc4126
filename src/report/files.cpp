#include "report/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "report/format.h"

namespace pgan::report {
namespace fs = std::filesystem;
namespace {

/// Zero or the errno of the write that failed.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

int write_and_sync(int descriptor, std::string_view bytes) {
  int error = write_all(descriptor, bytes);
  if (error == 0 && ::fsync(descriptor) != 0) error = errno;
  if (::close(descriptor) != 0 && error == 0) error = errno;  // NFS reports a full disk here
  return error;
}

void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // writable but not readable: the rename happened all the same
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  // Some network file systems cannot sync a folder.
  if (error != 0 && error != EINVAL && error != ENOTSUP) {
    throw_file_error("cannot sync", folder, error);
  }
}

}  // namespace

void write_text(const fs::path& file, std::string_view text) {
  std::error_code ignored;
  if (fs::exists(file, ignored) && !fs::is_regular_file(file, ignored)) {
    // A rename would put a file in the place of /dev/null.
    throw ConfigError("cannot write " + file.string() + ": it is not a file; give another path");
  }
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const fs::path temporary = folder / text_of(".%s.tmp-%d", file.filename().c_str(), ::getpid());
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) throw_file_error("cannot write", file, errno);
  int error = write_and_sync(descriptor, text);
  if (error == 0 && ::rename(temporary.c_str(), file.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    throw_file_error("cannot write", file, error);
  }
  sync_folder(folder);
}

AppendFile::AppendFile(fs::path file)
    : file_(std::move(file)),
      descriptor_(::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) throw_file_error("cannot open", file_, errno);
}

AppendFile::~AppendFile() {
  ::close(descriptor_);
}

void AppendFile::append(std::string_view bytes) {
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
  const int error = before < 0 ? errno : write_all(descriptor_, bytes);
  if (error == 0) return;
  // If even this fails, the next session drops the torn piece.
  if (before >= 0 && ::ftruncate(descriptor_, before) != 0) errno = 0;
  throw_file_error("cannot write", file_, error);
}

}  // namespace pgan::report
