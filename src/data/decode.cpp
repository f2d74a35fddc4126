#include "data/decode.h"

#include <algorithm>

#include "core/error.h"
#include "data/decoded.h"
#include "data/exif.h"
#include "data/file_bytes.h"
#include "data/picture_header.h"

namespace pgan::data {
namespace {

/// 65535 is 255.
constexpr float kDeepScale = 1.0f / 257.0f;

/// uint8 [H,W,4] -> [H,W,3], laid on white.
torch::Tensor over_white(const torch::Tensor& pixels, bool premultiplied) {
  torch::Tensor out = torch::empty({pixels.size(0), pixels.size(1), 3}, torch::kUInt8);
  const auto* from = pixels.const_data_ptr<std::uint8_t>();
  auto* to = out.mutable_data_ptr<std::uint8_t>();
  const std::int64_t count = pixels.size(0) * pixels.size(1);
  for (std::int64_t i = 0; i < count; ++i, from += 4, to += 3) {
    const int alpha = from[3], weight = premultiplied ? 255 : alpha;
    for (int c = 0; c < 3; ++c) {
      const int sum = (from[c] * weight + 255 * (255 - alpha) + 127) / 255;
      to[c] = static_cast<std::uint8_t>(std::min(sum, 255));
    }
  }
  return out;
}

/// 16-bit [H,W,3 or 4] -> float32 [H,W,3] in 0..255, laid on white.
torch::Tensor deep_to_float(const torch::Tensor& pixels, bool premultiplied) {
  const std::int64_t channels = pixels.size(2), count = pixels.size(0) * pixels.size(1);
  torch::Tensor out = torch::empty({pixels.size(0), pixels.size(1), 3}, torch::kFloat32);
  const auto* from = reinterpret_cast<const std::uint16_t*>(pixels.const_data_ptr<std::int16_t>());
  float* to = out.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < count; ++i, from += channels, to += 3) {
    const float alpha = channels == 4 ? static_cast<float>(from[3]) / 65535.0f : 1.0f;
    const float weight = premultiplied ? 1.0f : alpha;
    for (int c = 0; c < 3; ++c) {
      const float sum = static_cast<float>(from[c]) * kDeepScale * weight + 255.0f * (1.0f - alpha);
      to[c] = std::min(sum, 255.0f);
    }
  }
  return out;
}

Decoded decode_any(std::span<const std::uint8_t> bytes, const std::string& name,
                   const DecodeOptions& options) {
  if (bytes.empty()) throw DataError(name + ": empty file, expected a picture");
  const PictureHeader header = read_picture_header(bytes);
  if (header.unsupported != nullptr) {
    throw DataError(name + ": " + header.unsupported);
  }
  switch (header.format) {
    case PictureFormat::jpeg:
      return decode_jpeg(bytes, name, options);
    case PictureFormat::png:
      return decode_png(bytes, name, options);
    case PictureFormat::unknown:
      throw DataError(name +
                      ": not a picture: expected JPEG, PNG, WebP, TIFF, BMP or PNM by its content");
    default:
      check_size(header.width, header.height, name, options);
      return decode_opencv(bytes, name, header);
  }
}

}  // namespace

void check_size(std::int64_t width, std::int64_t height, const std::string& name,
                const DecodeOptions& options) {
  const std::string size = std::to_string(width) + "x" + std::to_string(height);
  if (width <= 0 || height <= 0) {
    throw DataError(name + ": damaged: its header declares " + size + " pixels");
  }
  if (height > options.max_pixels / width) {
    throw DataError(name + ": declares " + size + " pixels, more than the " +
                    std::to_string(options.max_pixels) + " of --max-pixels");
  }
}

torch::Tensor decode(std::span<const std::uint8_t> bytes, const std::string& name,
                     const DecodeOptions& options) {
  Decoded picture = decode_any(bytes, name, options);
  torch::Tensor pixels = picture.pixels;
  if (picture.cmyk) {
    pixels = cmyk_to_srgb(pixels, picture.colours);
  } else {
    convert_to_srgb(pixels, picture.colours);
  }
  if (pixels.scalar_type() == torch::kInt16) {
    pixels = deep_to_float(pixels, picture.premultiplied);
  } else if (pixels.size(2) == 4) {
    pixels = over_white(pixels, picture.premultiplied);
  }
  return picture.orientation == 1 ? pixels : upright(pixels, picture.orientation);
}

torch::Tensor decode_file(const std::filesystem::path& file, const DecodeOptions& options) {
  return decode(read_file_bytes(file), file.string(), options);
}

}  // namespace pgan::data
