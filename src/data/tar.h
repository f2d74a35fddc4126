#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/output_file.h"

namespace pgan::data {

/// A regular file inside a tar.
struct TarEntry {
  std::string name;
  std::uint64_t offset = 0;  ///< of its bytes
  std::uint64_t bytes = 0;
};

/// Writes a plain POSIX ustar: regular files, fixed owner, mode and time, so that equal contents
/// give equal bytes.
class TarWriter {
 public:
  static constexpr std::uint64_t kBlock = 512;

  /// Throws DataError when the file cannot be made.
  explicit TarWriter(const std::filesystem::path& file);
  /// Appends a file; name: at most 100 bytes. Returns the offset of its bytes. Throws DataError.
  std::uint64_t add(const std::string& name, std::span<const std::uint8_t> bytes);
  /// Ends the archive; returns its checksum (16 hexadecimal digits). durable: as
  /// OutputFile::finish(). Throws DataError (no space).
  std::string finish(bool durable = false);
  std::uint64_t bytes() const { return out_.bytes(); }

 private:
  OutputFile out_;
};

/// The entry whose header is at byte `at`, and where the next header is; no value at the archive's
/// end. Checks the header's checksum and every bound; throws DataError naming `name`.
struct TarStep {
  std::optional<TarEntry> entry;
  bool regular = false;
  std::uint64_t next = 0;
};
TarStep read_tar_header(std::span<const std::uint8_t> tar, std::uint64_t at,
                        const std::string& name);

/// The regular files of a ustar. Throws as read_tar_header().
std::vector<TarEntry> read_tar(std::span<const std::uint8_t> tar, const std::string& name);

/// Bytes rounded up to whole blocks.
constexpr std::uint64_t tar_padded(std::uint64_t bytes) {
  return (bytes + TarWriter::kBlock - 1) / TarWriter::kBlock * TarWriter::kBlock;
}

}  // namespace pgan::data
