#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace pgan::checkpoint {

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
  /// Returns once all is on the disk, and closes.
  void finish();

 private:
  std::filesystem::path file_;
  int descriptor_ = -1;
};

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
