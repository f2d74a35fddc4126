#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace pgan::data {

/// A file's bytes, mapped read-only.
class MappedFile {
 public:
  MappedFile() = default;
  /// Throws DataError when the file cannot be read.
  explicit MappedFile(const std::filesystem::path& file);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::uint8_t> bytes() const { return {data_, size_}; }

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace pgan::data
