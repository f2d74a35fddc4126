#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

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

/// Reads the pages of a mapped range in; false when that fails (the disk, or a file that was cut),
/// where touching them would end the process. Kernels before 5.14 cannot tell: true.
bool bring_in(std::span<const std::uint8_t> range) noexcept;

/// Throws DataError naming `name` where bring_in() is false.
void require_readable(std::span<const std::uint8_t> range, const std::string& name);

}  // namespace pgan::data
