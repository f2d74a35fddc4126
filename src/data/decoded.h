#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <torch/types.h>

#include "data/colour_profile.h"
#include "data/decode.h"
#include "data/picture_header.h"

namespace pgan::data {

/// A picture as its format's decoder gives it, before orientation, colours and transparency.
struct Decoded {
  torch::Tensor pixels;  ///< [H,W,3 or 4], uint8 or int16 (the bits of uint16): RGB(A) or CMYK
  bool premultiplied = false;  ///< colours are times alpha already (TIFF)
  bool cmyk = false;      ///< four channels of ink, inverted as Adobe stores them (255: no ink)
  int orientation = 1;    ///< EXIF's
  ColourProfile colours;  ///< what the numbers mean; sRGB where the file does not say
};

/// One decoder a format, behind decode(). Throw DataError naming the file.
Decoded decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name,
                    const DecodeOptions& options);
Decoded decode_png(std::span<const std::uint8_t> bytes, const std::string& name,
                   const DecodeOptions& options);
/// WebP, TIFF, BMP and PNM, whose size was checked.
Decoded decode_opencv(std::span<const std::uint8_t> bytes, const std::string& name,
                      const PictureHeader& header);

/// Throws DataError when the picture has no pixels or more than allowed.
void check_size(std::int64_t width, std::int64_t height, const std::string& name,
                const DecodeOptions& options);

}  // namespace pgan::data
