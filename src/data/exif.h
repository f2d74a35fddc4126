#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include <torch/types.h>

namespace pgan::data {

/// The first directory of a TIFF structure: of a TIFF file, or of the EXIF block in other files.
/// Reads only inside the bytes it was given; what is damaged counts as absent.
class TiffDirectory {
 public:
  explicit TiffDirectory(std::span<const std::uint8_t> bytes);

  /// The first value of a tag of whole numbers (TIFF types BYTE, SHORT and LONG).
  std::optional<std::uint32_t> number(std::uint16_t tag) const;
  /// A tag's value as stored, of any type; empty where absent.
  std::span<const std::uint8_t> block(std::uint16_t tag) const;
  bool little_endian() const { return little_endian_; }

 private:
  struct Entry {
    std::uint16_t type = 0;
    std::span<const std::uint8_t> value;
  };
  std::uint32_t read(std::size_t at, std::size_t width) const;
  std::optional<Entry> find(std::uint16_t tag) const;

  std::span<const std::uint8_t> bytes_;
  bool little_endian_ = true;
  std::size_t directory_ = 0;  // 0: none
};

/// The tag of the orientation (EXIF 2.3, TIFF 6.0).
inline constexpr std::uint16_t kOrientationTag = 274;

/// The orientation 1..8 of an EXIF block, with or without its "Exif\0\0" in
/// front; 1 where it is absent, damaged or out of range.
int exif_orientation(std::span<const std::uint8_t> block);

/// A picture [H,W,C] as stored -> upright: [H,W,C], or [W,H,C] for orientations 5 to 8.
torch::Tensor upright(const torch::Tensor& picture, int orientation);

}  // namespace pgan::data
