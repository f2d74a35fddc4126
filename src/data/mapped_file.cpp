#include "data/mapped_file.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"

namespace pgan::data {

MappedFile::MappedFile(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw DataError(file.string() + ": cannot be read: " + errno_text(errno));
  struct stat status {};
  void* address = nullptr;
  int error = 0;
  if (::fstat(descriptor, &status) != 0) {
    error = errno;
  } else if (!S_ISREG(status.st_mode)) {
    error = EISDIR;
  } else if (status.st_size > 0) {
    size_ = static_cast<std::size_t>(status.st_size);
    address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor, 0);
    if (address == MAP_FAILED) error = errno;
  }
  ::close(descriptor);
  if (error != 0) throw DataError(file.string() + ": cannot be mapped: " + errno_text(error));
  data_ = static_cast<const std::uint8_t*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::uint8_t*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

bool bring_in(std::span<const std::uint8_t> range) noexcept {
#ifdef MADV_POPULATE_READ
  if (range.empty()) return true;
  if (range.size() > UINTPTR_MAX - reinterpret_cast<std::uintptr_t>(range.data())) return false;
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(range.data());
  const std::uintptr_t begin = address / page * page;
  const std::size_t length = address + range.size() - begin;
  while (::madvise(reinterpret_cast<void*>(begin), length, MADV_POPULATE_READ) != 0) {
    if (errno == EINTR || errno == EAGAIN) continue;
    return errno == EINVAL;
  }
#else
  static_cast<void>(range);
#endif
  return true;
}

void require_readable(std::span<const std::uint8_t> range, const std::string& name) {
  if (!bring_in(range)) {
    throw DataError(name + ": cannot be read: the disk failed or the file was cut");
  }
}

}  // namespace pgan::data
