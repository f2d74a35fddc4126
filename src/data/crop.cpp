#include "data/crop.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

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

struct Name {
  const char* text;
  Crop::Kind kind;
};
constexpr Name kNames[] = {{"auto", Crop::Kind::automatic},
                           {"center", Crop::Kind::center},
                           {"celeba-128", Crop::Kind::celeba_128},
                           {"celeba-178", Crop::Kind::celeba_178},
                           {"pad", Crop::Kind::pad}};
constexpr std::string_view kBox = "box:";
/// Larger than any picture, and small enough that sums of two cannot overflow.
constexpr std::int64_t kMaxCoordinate = 1'000'000'000;

bool parse_box(std::string_view text, Crop& crop) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::int64_t* value : {&crop.x, &crop.y, &crop.width, &crop.height}) {
    if (value != &crop.x && (at == end || *at++ != ',')) return false;
    if (at == end || *at == '-') return false;
    const auto [rest, error] = std::from_chars(at, end, *value);
    if (error != std::errc() || *value > kMaxCoordinate) return false;
    at = rest;
  }
  return at == end && crop.width > 0 && crop.height > 0;
}

std::string size_text(std::int64_t width, std::int64_t height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

/// The largest centred square of a box.
Square centred(std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height) {
  const std::int64_t side = std::min(width, height);
  return {x + (width - side) / 2, y + (height - side) / 2, side};
}

}  // namespace

Crop parse_crop(const std::string& text) {
  for (const Name& name : kNames) {
    if (name.text == text) return {.kind = name.kind};
  }
  Crop box{.kind = Crop::Kind::box};
  if (text.starts_with(kBox) && parse_box(std::string_view(text).substr(kBox.size()), box)) {
    return box;
  }
  throw ConfigError(
      "--crop: expected auto, center, celeba-128, celeba-178, pad or box:x,y,w,h (pixels, w and h "
      "from 1), found '" +
      text + "'");
}

std::string crop_name(const Crop& crop) {
  for (const Name& name : kNames) {
    if (name.kind == crop.kind) return name.text;
  }
  return std::string(kBox) + std::to_string(crop.x) + "," + std::to_string(crop.y) + "," +
         std::to_string(crop.width) + "," + std::to_string(crop.height);
}

Crop resolve_crop(const Crop& crop, std::int64_t width, std::int64_t height) {
  if (crop.kind != Crop::Kind::automatic) return crop;
  return {.kind = celeba_shaped(width, height) ? Crop::Kind::celeba_128 : Crop::Kind::center};
}

Square crop_square(const Crop& given, std::int64_t width, std::int64_t height,
                   const std::string& file) {
  const Crop crop = resolve_crop(given, width, height);
  if (crop.kind == Crop::Kind::center) return centred(0, 0, width, height);
  if (crop.kind == Crop::Kind::pad) {
    const std::int64_t side = std::max(width, height);
    return {-((side - width) / 2), -((side - height) / 2), side};
  }
  if (crop.kind == Crop::Kind::box) {
    if (crop.x + crop.width > width || crop.y + crop.height > height) {
      throw DataError(file + ": " + size_text(width, height) + " pixels do not hold --crop " +
                      crop_name(crop) + "; give a box inside every picture, or --crop center");
    }
    return centred(crop.x, crop.y, crop.width, crop.height);
  }
  if (!celeba_shaped(width, height)) {
    throw DataError(file + ": " + size_text(width, height) +
                    " has not CelebA's shape (178:218) that --crop " + crop_name(crop) +
                    " is for; use --crop center");
  }
  return crop.kind == Crop::Kind::celeba_128 ? in_proportion(25, 57, 128, width, height)
                                             : in_proportion(0, 20, 178, width, height);
}

torch::Tensor cut_square(const torch::Tensor& picture, const Square& square) {
  const std::int64_t height = picture.size(0), width = picture.size(1);
  const std::int64_t top = std::max<std::int64_t>(square.y, 0);
  const std::int64_t left = std::max<std::int64_t>(square.x, 0);
  const std::int64_t rows = std::min(square.y + square.side, height) - top;
  const std::int64_t columns = std::min(square.x + square.side, width) - left;
  if (rows == square.side && columns == square.side) {
    return picture.narrow(0, top, rows).narrow(1, left, columns);
  }
  torch::Tensor out = torch::zeros({square.side, square.side, picture.size(2)}, picture.options());
  if (rows > 0 && columns > 0) {
    out.narrow(0, top - square.y, rows)
        .narrow(1, left - square.x, columns)
        .copy_(picture.narrow(0, top, rows).narrow(1, left, columns));
  }
  return out;
}

}  // namespace pgan::data
