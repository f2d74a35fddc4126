#pragma once
#include <cstdint>
#include <span>

namespace pgan::data {

enum class PictureFormat { unknown, png, jpeg, webp, tiff, bmp, pnm };

/// What a picture file declares before it is decoded.
struct PictureHeader {
  PictureFormat format = PictureFormat::unknown;
  std::int64_t width = 0, height = 0;            ///< as stored, before EXIF; 0: not found
  bool associated_alpha = false;                 ///< TIFF: colours are stored times alpha
  int orientation = 1;                           ///< WebP and TIFF: EXIF's 1..8, 1 where absent
  std::span<const std::uint8_t> colour_profile;  ///< WebP and TIFF: the ICC profile inside `bytes`
  const char* unsupported = nullptr;             ///< why such a file cannot be read, or null
};

/// Reads the declarations of a picture. Never throws and reads only inside `bytes`: damaged files
/// give what was found.
PictureHeader read_picture_header(std::span<const std::uint8_t> bytes);

}  // namespace pgan::data
