#include "checkpoint/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <xxhash.h>

#include "core/error.h"

namespace pgan::checkpoint {
namespace {

/// What O_DIRECT wants of addresses, lengths and positions; where more is asked for, the first
/// write is refused, and the rest goes through the page cache.
constexpr std::size_t kPageBytes = 4096;

std::size_t whole_pages(std::size_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

[[noreturn]] void fail(std::string_view what, const std::filesystem::path& file, int error_number) {
  throw CheckpointError(std::string(what) + " " + file.string() + ": " + errno_text(error_number));
}

[[noreturn]] void fail_to_read(std::string_view what, const std::filesystem::path& file,
                               int error_number) {
  if (error_number == ENOENT || error_number == ENOTDIR || error_number == ELOOP) {
    fail(what, file, error_number);
  }
  throw UnreadableError(std::string(what) + " " + file.string() + ": " + errno_text(error_number) +
                        "; check the disk and run the same command again, or move this checkpoint "
                        "away to go on from the one before");
}

}  // namespace

std::uint64_t checksum_of(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::uint64_t checksum_of(std::string_view text) {
  return XXH3_64bits(text.data(), text.size());
}

OutputFile::OutputFile(std::filesystem::path file) : file_(std::move(file)) {
  descriptor_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail("cannot create", file_, errno);
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void OutputFile::write(std::span<const std::byte> bytes) {
  // One call may take no more than 2 GiB, and smaller ones let a full disk be seen early.
  constexpr std::size_t kCallBytes = 16 << 20;
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kCallBytes));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && (errno == EINVAL || errno == EOPNOTSUPP) && leave_bypass()) continue;
    if (written < 0) fail("cannot write", file_, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

/// Some file systems take O_DIRECT and refuse the writes; and a short write may leave an odd rest.
bool OutputFile::leave_bypass() {
  const int flags = ::fcntl(descriptor_, F_GETFL);
  return flags >= 0 && (flags & O_DIRECT) != 0 &&
         ::fcntl(descriptor_, F_SETFL, flags & ~O_DIRECT) == 0;
}

void OutputFile::write(std::string_view text) {
  write(std::as_bytes(std::span(text)));
}

bool OutputFile::bypass_cache() {
  const int flags = ::fcntl(descriptor_, F_GETFL);
  return flags >= 0 && ::fcntl(descriptor_, F_SETFL, flags | O_DIRECT) == 0;
}

void OutputFile::cut(std::size_t bytes) {
  if (::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) fail("cannot cut", file_, errno);
}

void OutputFile::finish() {
  if (::fsync(descriptor_) != 0) fail("cannot sync", file_, errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("cannot close", file_, errno);
}

FileBuffer::~FileBuffer() {
  release();
}

void FileBuffer::release() {
  if (data_ != nullptr) ::munmap(data_, capacity_);
  data_ = nullptr;
  bytes_ = capacity_ = 0;
}

void FileBuffer::resize(std::size_t bytes) {
  const std::size_t wanted = std::max(whole_pages(bytes), kPageBytes);
  if (wanted > capacity_ || wanted < capacity_ / 2) {
    release();
    void* memory =
        ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      throw CheckpointError("no memory to copy " + std::to_string(bytes) +
                            " bytes of a checkpoint to: " + errno_text(errno));
    }
    ::madvise(memory, wanted, MADV_HUGEPAGE);
    data_ = static_cast<std::byte*>(memory);
    capacity_ = wanted;
  }
  bytes_ = bytes;
}

std::span<const std::byte> FileBuffer::pages() const {
  return {data_, whole_pages(bytes_)};
}

void write_synced(const std::filesystem::path& file, const FileBuffer& buffer) {
  OutputFile output(file);
  if (output.bypass_cache()) {
    output.write(buffer.pages());
    output.cut(buffer.bytes().size());
  } else {
    output.write(buffer.bytes());
  }
  output.finish();
}

InputFile::InputFile(std::filesystem::path file) : file_(std::move(file)) {
  // O_NONBLOCK: a FIFO in a file's place must not hang the open.
  descriptor_ = ::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) fail_to_read("cannot open", file_, errno);
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) {
    const int error_number = errno;
    ::close(descriptor_);
    fail_to_read("cannot look at", file_, error_number);
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw CheckpointError("cannot read " + file_.string() + ": not a regular file");
  }
  bytes_ = status.st_size;
}

InputFile::~InputFile() {
  ::close(descriptor_);
}

void InputFile::read(std::int64_t position, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(descriptor_, bytes.data(), bytes.size(), position);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_to_read("cannot read", file_, errno);
    if (got == 0) {
      throw CheckpointError("cannot read " + file_.string() + ": ends at byte " +
                            std::to_string(position) + ", " + std::to_string(bytes.size()) +
                            " bytes too early");
    }
    position += got;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

std::string InputFile::read_text(std::int64_t position, std::int64_t bytes) const {
  std::string text(static_cast<std::size_t>(bytes), '\0');
  read(position, std::as_writable_bytes(std::span(text)));
  return text;
}

std::string read_text_file(const std::filesystem::path& file, std::int64_t limit) {
  const InputFile input(file);
  if (input.bytes() > limit) {
    throw CheckpointError("cannot read " + file.string() + ": " + std::to_string(input.bytes()) +
                          " bytes, expected at most " + std::to_string(limit));
  }
  return input.read_text(0, input.bytes());
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail("cannot open folder", folder, errno);
  const int result = ::fsync(descriptor);
  const int error_number = errno;
  ::close(descriptor);
  // Some network file systems cannot sync a folder: names are durable there by other means.
  if (result != 0 && error_number != EINVAL && error_number != ENOTSUP) {
    fail("cannot sync folder", folder, error_number);
  }
}

std::filesystem::path hidden_name(const std::filesystem::path& folder, std::string_view suffix) {
  std::string name(1, '.');
  name.append(folder.filename().string()).append(1, '.').append(suffix);
  return folder.parent_path() / name;
}

void put_in_place(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return;
  if (errno != ENOTEMPTY && errno != EEXIST) fail("cannot rename to", to, errno);
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return;
  // A file system without exchange: for a moment the old one has only its hidden name, which list()
  // knows.
  const std::filesystem::path aside = hidden_name(to, "replaced");
  if (::rename(to.c_str(), aside.c_str()) != 0) fail("cannot rename", to, errno);
  if (::rename(from.c_str(), to.c_str()) != 0) {
    const int error_number = errno;
    ::rename(aside.c_str(), to.c_str());
    fail("cannot rename to", to, error_number);
  }
  if (::rename(aside.c_str(), from.c_str()) != 0) fail("cannot rename", aside, errno);
}

}  // namespace pgan::checkpoint
