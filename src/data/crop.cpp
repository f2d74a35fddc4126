#include "data/crop.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/error.h"

namespace pgan::data {
namespace {

constexpr double kCelebaWidth = 178, kCelebaHeight = 218;

bool celeba_shaped(std::int64_t width, std::int64_t height) {
  const double shape = static_cast<double>(width) / static_cast<double>(height);
  return std::abs(shape / (kCelebaWidth / kCelebaHeight) - 1.0) <= 0.01;
}

/// A square of CelebA's 178x218 frame in a picture of the same shape.
Square in_proportion(double x, double y, double side, std::int64_t width, std::int64_t height) {
  const double scale = static_cast<double>(width) / kCelebaWidth;
  Square square{std::llround(x * scale), std::llround(y * scale), std::llround(side * scale)};
  square.side = std::clamp<std::int64_t>(square.side, 1, std::min(width, height));
  square.x = std::min(square.x, width - square.side);
  square.y = std::min(square.y, height - square.side);
  return square;
}

}  // namespace

Crop parse_crop(const std::string& name) {
  for (const Crop crop : {Crop::automatic, Crop::center, Crop::celeba_128, Crop::celeba_178}) {
    if (crop_name(crop) == name) return crop;
  }
  throw ConfigError("--crop: expected auto, center, celeba-128 or celeba-178, found '" + name +
                    "'");
}

std::string crop_name(Crop crop) {
  switch (crop) {
    case Crop::automatic:
      return "auto";
    case Crop::center:
      return "center";
    case Crop::celeba_128:
      return "celeba-128";
    case Crop::celeba_178:
      return "celeba-178";
  }
  return "center";
}

Crop resolve_crop(Crop crop, std::int64_t width, std::int64_t height) {
  if (crop != Crop::automatic) return crop;
  return celeba_shaped(width, height) ? Crop::celeba_128 : Crop::center;
}

Square crop_square(Crop crop, std::int64_t width, std::int64_t height, const std::string& file) {
  crop = resolve_crop(crop, width, height);
  if (crop == Crop::center) {
    const std::int64_t side = std::min(width, height);
    return {(width - side) / 2, (height - side) / 2, side};
  }
  if (!celeba_shaped(width, height)) {
    throw DataError(file + ": " + std::to_string(width) + "x" + std::to_string(height) +
                    " has not CelebA's shape (178:218) that --crop " + crop_name(crop) +
                    " is for; use --crop center");
  }
  return crop == Crop::celeba_128 ? in_proportion(25, 57, 128, width, height)
                                  : in_proportion(0, 20, 178, width, height);
}

}  // namespace pgan::data
