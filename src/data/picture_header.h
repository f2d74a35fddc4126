#pragma once
#include <cstdint>
#include <span>

namespace pgan::data {

enum class PictureFormat { unknown, png, jpeg };

/// What a picture file declares before it is decoded.
struct PictureHeader {
  PictureFormat format = PictureFormat::unknown;
  std::int64_t width = 0, height = 0;  ///< 0 when not found
  bool alpha = false;                  ///< PNG: has transparency
  bool ended = true;                   ///< JPEG: has an end marker after its data
};

/// Reads the declarations of PNG and JPEG; other formats are `unknown`. Never throws: damaged files
/// give what was found.
PictureHeader read_picture_header(std::span<const std::uint8_t> bytes);

}  // namespace pgan::data
