#pragma once
#include <cstdint>
#include <string>

namespace pgan::data {

/// How a square is cut from a picture.
enum class Crop {
  automatic,   ///< celeba_128 for pictures of CelebA's shape, else centre
  center,      ///< the largest centred square
  celeba_128,  ///< x 25-153, y 57-185 of 178x218, in proportion (Karras et al. 2018, appendix C)
  celeba_178   ///< the centred 178 of 178x218, in proportion (Choi et al. 2018, section 5.2)
};

/// "auto", "center", "celeba-128", "celeba-178". Throws ConfigError listing them.
Crop parse_crop(const std::string& name);
std::string crop_name(Crop crop);

/// A square inside a picture, in pixels.
struct Square {
  std::int64_t x = 0, y = 0, side = 0;
  bool operator==(const Square&) const = default;
};

/// What Crop::automatic means for a picture of this size; other crops are themselves.
Crop resolve_crop(Crop crop, std::int64_t width, std::int64_t height);

/// The square to cut from a picture of this size (both at least 1). The CelebA crops need CelebA's
/// shape, 178:218 within 1 %: other pictures throw DataError naming `file`.
Square crop_square(Crop crop, std::int64_t width, std::int64_t height, const std::string& file);

}  // namespace pgan::data
