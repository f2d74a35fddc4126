#include "data/picture_header.h"

#include "data/exif.h"
#include "fuzz/targets.h"

namespace pgan::fuzz {
namespace {

bool inside(Bytes part, Bytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

/// Every tag is looked up: what a picture's own tags are does not matter here.
void read_picture_header(Bytes input) {
  const data::PictureHeader header = data::read_picture_header(input);
  require(header.width >= 0 && header.height >= 0, "sizes are not negative");
  require(header.orientation >= 1 && header.orientation <= 8, "orientation 1 to 8");
  require(inside(header.colour_profile, input), "the profile lies in the bytes");
  const int orientation = data::exif_orientation(input);
  require(orientation >= 1 && orientation <= 8, "orientation 1 to 8");
  const data::TiffDirectory directory(input);
  for (std::size_t at = 0; at + 2 <= input.size() && at < 512; ++at) {
    const auto tag = static_cast<std::uint16_t>(input[at] << 8 | input[at + 1]);
    directory.number(tag);
    require(inside(directory.block(tag), input), "a value lies in the bytes");
  }
}

}  // namespace pgan::fuzz
