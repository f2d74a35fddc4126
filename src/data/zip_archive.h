#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/importer.h"

namespace pgan::data {

/// A zip file (also zip64), read by libzip. Nothing is ever unpacked to disk.
class ZipArchive {
 public:
  /// A file in the archive.
  struct Entry {
    std::string name;  ///< bytes as in the archive
    std::uint64_t index = 0;
  };

  /// Throws DataError when the file is no zip, or damaged.
  explicit ZipArchive(const std::filesystem::path& file);
  ~ZipArchive();

  /// Files in the archive's order, without folders and hidden ones. Left out and put into
  /// `skipped`: names that climb out of the archive or have backslashes, second entries of a name,
  /// encrypted ones, links, compression that libzip cannot undo, more than kMaxEntry bytes.
  std::vector<Entry> entries(std::vector<Skipped>& skipped) const;

  /// An entry's bytes, at most kMaxEntry whatever the archive declares. Any thread: each has the
  /// file open for itself. Throws DataError naming archive and entry: damaged (checksum), too
  /// large.
  std::vector<std::uint8_t> read(std::uint64_t index, const std::string& name) const;

  static constexpr std::uint64_t kMaxEntry = std::uint64_t{256} << 20;

 private:
  class Handles;
  std::unique_ptr<Handles> handles_;
};

/// True for a file that begins as zip files do.
bool is_zip_file(const std::filesystem::path& file);

}  // namespace pgan::data
