#include "data/exif.h"

#include <algorithm>

namespace pgan::data {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kEntryBytes = 12;

/// Bytes of one value of a TIFF type (TIFF 6.0, section 2); 0 for unknown types.
std::size_t type_bytes(std::uint16_t type) {
  static constexpr std::size_t kBytes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
  return type < std::size(kBytes) ? kBytes[type] : 0;
}

}  // namespace

TiffDirectory::TiffDirectory(Bytes bytes) : bytes_(bytes) {
  if (bytes.size() < 8) return;
  little_endian_ = bytes[0] == 'I';
  if (bytes[0] != bytes[1] || (bytes[0] != 'I' && bytes[0] != 'M') || read(2, 2) != 42) return;
  const std::size_t at = read(4, 4);
  if (at >= 8 && at <= bytes.size() - 2) directory_ = at;
}

std::uint32_t TiffDirectory::read(std::size_t at, std::size_t width) const {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    const std::size_t place = little_endian_ ? at + width - 1 - i : at + i;
    value = value << 8 | bytes_[place];
  }
  return value;
}

std::optional<TiffDirectory::Entry> TiffDirectory::find(std::uint16_t tag) const {
  if (directory_ == 0) return std::nullopt;
  const std::size_t room = (bytes_.size() - directory_ - 2) / kEntryBytes;
  const std::size_t count = std::min<std::size_t>(read(directory_, 2), room);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = directory_ + 2 + i * kEntryBytes;
    if (read(at, 2) != tag) continue;
    const auto type = static_cast<std::uint16_t>(read(at + 2, 2));
    const std::uint64_t size = std::uint64_t{read(at + 4, 4)} * type_bytes(type);
    const std::size_t place = size <= 4 ? at + 8 : read(at + 8, 4);
    if (size == 0 || place > bytes_.size() || size > bytes_.size() - place) return std::nullopt;
    return Entry{type, bytes_.subspan(place, size)};
  }
  return std::nullopt;
}

std::optional<std::uint32_t> TiffDirectory::number(std::uint16_t tag) const {
  const auto entry = find(tag);
  if (!entry || (entry->type != 1 && entry->type != 3 && entry->type != 4)) return std::nullopt;
  return read(static_cast<std::size_t>(entry->value.data() - bytes_.data()),
              type_bytes(entry->type));
}

Bytes TiffDirectory::block(std::uint16_t tag) const {
  const auto entry = find(tag);
  return entry ? entry->value : Bytes{};
}

int exif_orientation(Bytes block) {
  static constexpr std::uint8_t kName[] = {'E', 'x', 'i', 'f', 0, 0};
  if (block.size() > 6 && std::equal(kName, kName + 6, block.begin())) block = block.subspan(6);
  const std::uint32_t value = TiffDirectory(block).number(kOrientationTag).value_or(1);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

torch::Tensor upright(const torch::Tensor& picture, int orientation) {
  torch::Tensor out = picture;
  if (orientation >= 5) out = out.transpose(0, 1);
  const bool flip_rows = orientation == 3 || orientation == 4 || orientation >= 7;
  const bool flip_columns =
      orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  if (flip_rows) out = out.flip(0);
  if (flip_columns) out = out.flip(1);
  return out.contiguous();
}

}  // namespace pgan::data
