#include <vector>

#include "data/decode.h"
#include "fuzz/targets.h"

namespace pgan::fuzz {

/// A pack's pictures: the first byte says the format, the size stored, and by how much a JPEG is
/// reduced.
void read_square(Bytes input) {
  if (input.empty()) return;
  constexpr std::int64_t kStored[] = {8, 16, 32, 64};
  const std::int64_t stored = kStored[input[0] & 3], resolution = stored >> (input[0] >> 2 & 3);
  const Bytes rest = input.subspan(1);
  const bool png = (input[0] & 16) != 0;
  const auto size = static_cast<std::size_t>(3 * (png ? stored * stored : resolution * resolution));
  std::vector<std::uint8_t> out(size);
  if (png) {
    data::decode_png_square(rest, "square", stored, out.data());
  } else {
    data::decode_jpeg_square(rest, "square", stored, resolution, out.data());
  }
}

}  // namespace pgan::fuzz
