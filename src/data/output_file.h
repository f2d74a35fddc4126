#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace pgan::data {

/// A file being written, with its running XXH3 checksum.
class OutputFile {
 public:
  /// Throws DataError when the file cannot be made.
  explicit OutputFile(const std::filesystem::path& file);
  ~OutputFile();
  OutputFile(OutputFile&&) noexcept;

  /// Throws DataError (no space left).
  void write(std::span<const std::uint8_t> bytes);
  /// Writes out and closes; returns the checksum as 16 hexadecimal digits. Throws DataError.
  std::string finish();
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::uint64_t bytes_ = 0;
};

/// XXH3 64-bit checksum as 16 hexadecimal digits.
std::string xxh3_text(std::span<const std::uint8_t> bytes);

}  // namespace pgan::data
