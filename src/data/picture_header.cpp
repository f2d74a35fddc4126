#include "data/picture_header.h"

#include <algorithm>
#include <string_view>

#include "data/exif.h"

namespace pgan::data {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::int64_t big_endian(Bytes bytes, std::size_t at, std::size_t count) {
  std::int64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes[at + i];
  return value;
}

std::int64_t little_endian(Bytes bytes, std::size_t at, std::size_t count) {
  std::int64_t value = 0;
  for (std::size_t i = count; i > 0; --i) value = value << 8 | bytes[at + i - 1];
  return value;
}

bool has(Bytes bytes, std::size_t at, std::string_view text) {
  return bytes.size() >= at + text.size() &&
         std::equal(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

void read_png(Bytes bytes, PictureHeader& header) {
  if (bytes.size() < 33 || !has(bytes, 12, "IHDR")) return;
  header.width = big_endian(bytes, 16, 4);
  header.height = big_endian(bytes, 20, 4);
}

bool is_frame(std::uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

void read_jpeg(Bytes bytes, PictureHeader& header) {
  for (std::size_t at = 2; at + 9 <= bytes.size();) {
    if (bytes[at] != 0xFF || bytes[at + 1] == 0xFF) {
      ++at;
      continue;
    }
    if (is_frame(bytes[at + 1])) {
      header.height = big_endian(bytes, at + 5, 2);
      header.width = big_endian(bytes, at + 7, 2);
      return;
    }
    if (bytes[at + 1] == 0xDA) return;
    at += 2 + static_cast<std::size_t>(big_endian(bytes, at + 2, 2));
  }
}

/// WebP container specification: RIFF chunks, of which the first tells the kind.
void read_webp(Bytes bytes, PictureHeader& header) {
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const auto declared = static_cast<std::size_t>(little_endian(bytes, at + 4, 4));
    const Bytes data = bytes.subspan(at + 8, std::min(declared, bytes.size() - at - 8));
    if (has(bytes, at, "VP8X") && data.size() >= 10) {
      header.width = little_endian(data, 4, 3) + 1;
      header.height = little_endian(data, 7, 3) + 1;
      if ((data[0] & 2) != 0)
        header.unsupported = "an animated WebP cannot be read; save its frames as pictures";
    } else if (has(bytes, at, "VP8L") && data.size() >= 5 && header.width == 0) {
      const std::int64_t sizes = little_endian(data, 1, 4);
      header.width = (sizes & 0x3FFF) + 1;
      header.height = (sizes >> 14 & 0x3FFF) + 1;
    } else if (has(bytes, at, "VP8 ") && data.size() >= 10 && header.width == 0) {
      header.width = little_endian(data, 6, 2) & 0x3FFF;
      header.height = little_endian(data, 8, 2) & 0x3FFF;
    } else if (has(bytes, at, "ICCP")) {
      header.colour_profile = data;
    } else if (has(bytes, at, "EXIF")) {
      header.orientation = exif_orientation(data);
    }
    at += 8 + declared + declared % 2;
  }
}

void read_tiff(Bytes bytes, PictureHeader& header) {
  static constexpr std::uint16_t kWidth = 256, kHeight = 257, kIccProfile = 34675,
                                 kExtraSamples = 338;
  const TiffDirectory directory(bytes);
  header.width = directory.number(kWidth).value_or(0);
  header.height = directory.number(kHeight).value_or(0);
  header.orientation = exif_orientation(bytes);
  header.associated_alpha = directory.number(kExtraSamples) == 1u;
  header.colour_profile = directory.block(kIccProfile);
}

void read_bmp(Bytes bytes, PictureHeader& header) {
  if (bytes.size() < 26) return;
  const std::size_t width = little_endian(bytes, 14, 4) == 12 ? 2 : 4;  // OS/2 1.x has 16 bits
  header.width = little_endian(bytes, 18, width);
  header.height = little_endian(bytes, 18 + width, width);
  // Rows from the top are told by a negative height.
  if (width == 4 && header.height > 0x7FFFFFFF) header.height = 0x100000000 - header.height;
}

void read_pnm(Bytes bytes, PictureHeader& header) {
  std::size_t at = 2;
  for (std::int64_t* value : {&header.width, &header.height}) {
    while (at < bytes.size() && (bytes[at] <= ' ' || bytes[at] == '#')) {
      if (bytes[at] == '#') {
        while (at < bytes.size() && bytes[at] != '\n') ++at;
      } else {
        ++at;
      }
    }
    for (int digits = 0; at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9'; ++at) {
      if (++digits > 10) return;
      *value = *value * 10 + (bytes[at] - '0');
    }
  }
}

const char* unsupported_kind(Bytes bytes) {
  if (has(bytes, 0, "GIF8")) return "a GIF cannot be read; convert it to PNG";
  if (has(bytes, 4, "ftyp")) return "AVIF, HEIC and videos cannot be read; convert it to PNG";
  if (has(bytes, 0, {"\0\0\0\x0CjP  ", 8}) || has(bytes, 0, "\xFF\x4F\xFF\x51")) {
    return "JPEG 2000 cannot be read; convert it to PNG";
  }
  if (has(bytes, 0, "\xFF\x0A") || has(bytes, 0, {"\0\0\0\x0CJXL ", 8})) {
    return "JPEG XL cannot be read; convert it to PNG";
  }
  if (has(bytes, 0, {"II\x2B\0", 4}) || has(bytes, 0, {"MM\0\x2B", 4})) {
    return "BigTIFF cannot be read; convert it to PNG or plain TIFF";
  }
  if (has(bytes, 1, "PNG")) {
    return "damaged PNG: its signature was changed, as by a transfer in text mode; fetch it again";
  }
  return nullptr;
}

}  // namespace

PictureHeader read_picture_header(Bytes bytes) {
  struct Kind {
    std::string_view magic;
    PictureFormat format;
    void (*read)(Bytes, PictureHeader&);
  };
  static constexpr Kind kKinds[] = {{"\xFF\xD8\xFF", PictureFormat::jpeg, read_jpeg},
                                    {"\x89PNG\r\n\x1A\n", PictureFormat::png, read_png},
                                    {"RIFF", PictureFormat::webp, read_webp},
                                    {{"II\x2A\0", 4}, PictureFormat::tiff, read_tiff},
                                    {{"MM\0\x2A", 4}, PictureFormat::tiff, read_tiff},
                                    {"BM", PictureFormat::bmp, read_bmp}};
  PictureHeader header;
  for (const Kind& kind : kKinds) {
    if (!has(bytes, 0, kind.magic)) continue;
    if (kind.format == PictureFormat::webp && !has(bytes, 8, "WEBP")) continue;
    header.format = kind.format;
    kind.read(bytes, header);
    return header;
  }
  if (bytes.size() >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
      bytes[2] <= ' ') {
    header.format = PictureFormat::pnm;
    read_pnm(bytes, header);
    return header;
  }
  header.unsupported = unsupported_kind(bytes);
  return header;
}

}  // namespace pgan::data
