#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "data/mapped_file.h"

namespace pgan::data {

/// An IDX file of bytes (LeCun's MNIST format), plain (mapped) or .gz (unpacked into memory).
class IdxFile {
 public:
  /// dims: 1 for labels, 3 for images. Throws DataError: another magic number than 0x800 + dims, an
  /// image side over 1,024, more than 2^32 bytes declared, damaged compression. A file that ends
  /// early is not an error: see declared().
  IdxFile(const std::filesystem::path& file, int dims);

  std::int64_t declared() const { return declared_; }
  /// Items that are whole; fewer than declared where the file ends early.
  std::int64_t count() const { return count_; }
  std::int64_t height() const { return height_; }
  std::int64_t width() const { return width_; }
  /// An item's bytes, height * width of them (1 for labels); 0 <= i < count().
  std::span<const std::uint8_t> item(std::int64_t i) const;

 private:
  void parse_header(std::span<const std::uint8_t> header, const std::string& name, int dims);

  MappedFile mapped_;
  std::vector<std::uint8_t> unpacked_;
  std::span<const std::uint8_t> items_;
  std::int64_t declared_ = 0, count_ = 0, height_ = 1, width_ = 1;
};

}  // namespace pgan::data
