#include "data/picture_header.h"

#include <algorithm>
#include <cstring>

namespace pgan::data {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::uint32_t big_endian(Bytes bytes, std::size_t at, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | bytes[at + static_cast<std::size_t>(i)];
  return value;
}

PictureHeader read_png(Bytes bytes) {
  PictureHeader header{.format = PictureFormat::png};
  if (bytes.size() < 33) return header;
  header.width = big_endian(bytes, 16, 4);
  header.height = big_endian(bytes, 20, 4);
  header.alpha = (bytes[25] & 4) != 0;
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    const std::size_t length = big_endian(bytes, at, 4);
    if (std::memcmp(&bytes[at + 4], "tRNS", 4) == 0) header.alpha = true;
    if (std::memcmp(&bytes[at + 4], "IDAT", 4) == 0 || length > bytes.size() - at - 12) break;
    at += 12 + length;
  }
  return header;
}

bool is_frame(std::uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

PictureHeader read_jpeg(Bytes bytes) {
  PictureHeader header{.format = PictureFormat::jpeg};
  for (std::size_t at = 2; at + 4 <= bytes.size();) {
    if (bytes[at] != 0xFF) return header;
    const std::uint8_t marker = bytes[at + 1];
    if (marker == 0xFF) {
      ++at;
      continue;
    }
    if (is_frame(marker) && at + 9 <= bytes.size()) {
      header.height = big_endian(bytes, at + 5, 2);
      header.width = big_endian(bytes, at + 7, 2);
    }
    at += 2 + big_endian(bytes, at + 2, 2);
    if (marker == 0xDA) {
      // Entropy-coded data escapes every FF, so FF D9 can only be the end marker.
      static constexpr std::uint8_t kEnd[] = {0xFF, 0xD9};
      const auto data = at < bytes.size() ? bytes.subspan(at) : Bytes{};
      header.ended = std::search(data.begin(), data.end(), kEnd, kEnd + 2) != data.end();
      return header;
    }
  }
  header.ended = false;
  return header;
}

}  // namespace

PictureHeader read_picture_header(Bytes bytes) {
  static constexpr std::uint8_t kPng[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  if (bytes.size() >= 8 && std::equal(kPng, kPng + 8, bytes.begin())) return read_png(bytes);
  if (bytes.size() >= 4 && bytes[0] == 0xFF && bytes[1] == 0xD8) return read_jpeg(bytes);
  return {};
}

}  // namespace pgan::data
