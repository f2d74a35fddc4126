#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

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
  /// Writes out and closes; returns the checksum as 16 hexadecimal digits. durable: once it
  /// returns, the bytes survive a crash of the machine. Throws DataError.
  std::string finish(bool durable = false);
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::uint64_t bytes_ = 0;
};

inline std::span<const std::uint8_t> bytes_of(const void* data, std::size_t size) {
  return {static_cast<const std::uint8_t*>(data), size};
}

inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return bytes_of(text.data(), text.size());
}

/// Puts a file in the place of an older one: whole under its name, or not at all. durable: as
/// OutputFile::finish(). Throws DataError (no space, no permission).
void replace_file(const std::filesystem::path& file, std::span<const std::uint8_t> bytes,
                  bool durable = false);

/// 16 hexadecimal digits.
std::string hex16(std::uint64_t value);
/// XXH3 64-bit checksum, and as hex16().
std::uint64_t xxh3(std::span<const std::uint8_t> bytes);
std::string xxh3_text(std::span<const std::uint8_t> bytes);

}  // namespace pgan::data
