#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"

namespace pgan::checkpoint {

/// A file that could not be read for a reason that says nothing about its contents (I/O error,
/// stale handle, permission, too many open files): not damage, and no cause to do without it.
class UnreadableError : public CheckpointError {
 public:
  using CheckpointError::CheckpointError;
};

/// XXH3-64 of bytes.
std::uint64_t checksum_of(std::span<const std::byte> bytes);
std::uint64_t checksum_of(std::string_view text);

/// A file being written. All members throw CheckpointError naming the file and the system's reason.
class OutputFile {
 public:
  /// Makes or empties the file.
  explicit OutputFile(std::filesystem::path file);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// Before the first write: from here on whole pages from page-aligned memory go to the disk
  /// directly. False where the file system cannot (then nothing changed).
  bool bypass_cache();
  /// Shortens the file to so many bytes.
  void cut(std::size_t bytes);
  /// Returns once all is on the disk, and closes.
  void finish();

 private:
  bool leave_bypass();

  std::filesystem::path file_;
  int descriptor_ = -1;
};

/// Host memory for a file's contents: page-aligned, in huge pages where the system has them. Made
/// to be used again: to touch fresh pages takes longer than to copy to them.
class FileBuffer {
 public:
  FileBuffer() = default;
  ~FileBuffer();
  FileBuffer(const FileBuffer&) = delete;
  FileBuffer& operator=(const FileBuffer&) = delete;

  /// Makes room for so many bytes; what was there is lost. Throws CheckpointError when there is no
  /// memory.
  void resize(std::size_t bytes);
  std::span<std::byte> bytes() const { return {data_, bytes_}; }
  /// The same, with what comes up to a whole number of pages.
  std::span<const std::byte> pages() const;

 private:
  void release();

  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0, capacity_ = 0;
};

/// Makes or replaces a file with all of a buffer, on the disk when it returns. Around the page
/// cache where the file system allows it: a third of the processor's time and no slower. Throws
/// CheckpointError.
void write_synced(const std::filesystem::path& file, const FileBuffer& buffer);

/// A regular file being read, at any position, from any thread.
class InputFile {
 public:
  /// Throws CheckpointError (missing, no permission, not a regular file).
  explicit InputFile(std::filesystem::path file);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& path() const { return file_; }
  std::int64_t bytes() const { return bytes_; }
  /// Fills all of bytes. Throws CheckpointError when the file ends before.
  void read(std::int64_t position, std::span<std::byte> bytes) const;
  std::string read_text(std::int64_t position, std::int64_t bytes) const;

 private:
  std::filesystem::path file_;
  int descriptor_ = -1;
  std::int64_t bytes_ = 0;
};

/// A whole text file of at most `limit` bytes. Throws CheckpointError.
std::string read_text_file(const std::filesystem::path& file, std::int64_t limit);

/// Makes the names in a folder durable. Throws CheckpointError.
void sync_folder(const std::filesystem::path& folder);

/// The name beside a checkpoint's folder under which it is not taken for one: `.<name>.<suffix>`.
std::filesystem::path hidden_name(const std::filesystem::path& folder, std::string_view suffix);

/// Renames; when `to` exists already, the two change places. Throws CheckpointError.
void put_in_place(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace pgan::checkpoint
