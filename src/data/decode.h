#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include <torch/types.h>

namespace pgan::data {

struct DecodeOptions {
  /// Pictures whose header declares more are refused before anything is allocated.
  std::int64_t max_pixels = 100'000'000;
};

/// Decodes a picture file's bytes, by OpenCV: upright (EXIF), RGB; grey and palette pictures become
/// RGB, transparent ones are laid on white. `name` is for messages.
/// Returns [H,W,3] on the CPU: uint8, or float32 in 0..255 for pictures of more than 8 bits.
/// Throws DataError naming the file: not a picture, truncated, damaged, more than 2^28 pixels.
torch::Tensor decode(std::span<const std::uint8_t> bytes, const std::string& name,
                     const DecodeOptions& options = {});

/// The same of a file.
torch::Tensor decode_file(const std::filesystem::path& file, const DecodeOptions& options = {});

/// Decodes a PNG of known size into out: R*R*3 bytes, RGB. Throws DataError.
void decode_square(std::span<const std::uint8_t> bytes, const std::string& name,
                   std::int64_t resolution, std::uint8_t* out);

}  // namespace pgan::data
