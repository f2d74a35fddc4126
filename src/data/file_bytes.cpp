#include "data/file_bytes.h"

#include <cerrno>
#include <limits>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"

namespace pgan::data {
namespace {

constexpr std::int64_t kMaxBytes = std::numeric_limits<std::int32_t>::max();

class Descriptor {
 public:
  // Not blocking: a pipe among the pictures must not hold the packing up.
  explicit Descriptor(const std::filesystem::path& file)
      : value_(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int value() const { return value_; }

 private:
  int value_;
};

/// Not the picture's fault, but this process's or the machine's: the work stops instead of leaving
/// pictures out.
bool stops_all(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ESTALE ||
         error == ENOTCONN || error == EHOSTDOWN;
}

[[noreturn]] void fail(const std::string& name, int error) {
  const std::string text = name + ": cannot be read: " + errno_text(error);
  if (stops_all(error)) throw Error(ExitCode::data, text + "; mend that, then run it again");
  throw DataError(text);
}

}  // namespace

std::vector<std::uint8_t> read_file_bytes(const std::filesystem::path& file) {
  const std::string name = file.string();
  const Descriptor descriptor(file);
  struct stat status {};
  if (descriptor.value() < 0 || ::fstat(descriptor.value(), &status) != 0) {
    fail(name, errno);
  }
  if (!S_ISREG(status.st_mode)) throw DataError(name + ": not a regular file");
  if (status.st_size > kMaxBytes) throw DataError(name + ": more than 2 GiB, too large here");
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(status.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(descriptor.value(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(name, errno);
    if (got == 0) throw DataError(name + ": became shorter while it was read");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace pgan::data
