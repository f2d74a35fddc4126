#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include <torch/types.h>

namespace pgan::data {

struct DecodeOptions {
  std::int64_t max_pixels = 100'000'000;  ///< checked against the header, before anything is made
};

/// Decodes a picture file's bytes: JPEG, PNG, WebP, TIFF, BMP, PNM. Upright (EXIF) and sRGB: grey,
/// palette, CMYK and pictures with a colour profile (ICC, or PNG's gAMA and cHRM) are converted;
/// transparent ones are laid on white. A profile or EXIF block that is damaged, or does not fit the
/// picture, is ignored. Of several pictures in a file the first. `name` is for messages.
/// Returns [H,W,3] on the CPU: uint8, or float32 in 0..255 for pictures of more than 8 bits.
/// Throws DataError naming the file and the reason: not a picture, truncated, damaged, too large.
/// Any thread; the libraries below never print.
torch::Tensor decode(std::span<const std::uint8_t> bytes, const std::string& name,
                     const DecodeOptions& options = {});

/// The same of a file, which must be a regular one of at most 2 GiB.
torch::Tensor decode_file(const std::filesystem::path& file, const DecodeOptions& options = {});

/// Decodes a pack's PNG (8-bit RGB, resolution^2 pixels) into out: R*R*3 bytes, RGB. Any warning of
/// the decoder is damage. Throws DataError.
void decode_png_square(std::span<const std::uint8_t> bytes, const std::string& name,
                       std::int64_t resolution, std::uint8_t* out);

/// Decodes a pack's JPEG (stored^2 pixels, three components) into out: R*R*3 bytes, RGB.
/// resolution: stored, stored/2, /4 or /8: reduced by the inverse DCT, which then costs less.
/// Any warning of the decoder is damage. Throws DataError.
void decode_jpeg_square(std::span<const std::uint8_t> bytes, const std::string& name,
                        std::int64_t stored, std::int64_t resolution, std::uint8_t* out);

}  // namespace pgan::data
