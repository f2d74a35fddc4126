#pragma once
#include <cstdint>
#include <string>

#include <torch/types.h>

namespace pgan::data {

/// How a square is cut from a picture.
struct Crop {
  enum class Kind {
    automatic,   ///< celeba_128 for pictures of CelebA's shape, else centre
    center,      ///< the largest centred square
    celeba_128,  ///< x 25-153, y 57-185 of 178x218, in proportion (Karras et al. 2018, appendix C)
    celeba_178,  ///< the centred 178 of 178x218, in proportion (Choi et al. 2018, section 5.2)
    pad,         ///< the whole picture, centred on black
    box          ///< the largest centred square of a box in pixels
  };
  Kind kind = Kind::center;
  std::int64_t x = 0, y = 0, width = 0, height = 0;  ///< the box; 0 for the other kinds
  bool operator==(const Crop&) const = default;
};

/// "auto", "center", "celeba-128", "celeba-178", "pad", "box:x,y,w,h" (whole numbers, w and h from
/// 1). Throws ConfigError listing them.
Crop parse_crop(const std::string& text);
/// parse_crop's inverse.
std::string crop_name(const Crop& crop);

/// A square of a picture, in pixels; for Crop::Kind::pad it reaches beyond the picture.
struct Square {
  std::int64_t x = 0, y = 0, side = 0;
  bool operator==(const Square&) const = default;
};

/// What Crop::Kind::automatic means for a picture of this size; other crops are themselves.
Crop resolve_crop(const Crop& crop, std::int64_t width, std::int64_t height);

/// The square to cut from a picture of this size (both at least 1). Throws DataError naming `file`:
/// the CelebA crops need CelebA's shape, 178:218 within 1 %; a box must lie inside the picture.
Square crop_square(const Crop& crop, std::int64_t width, std::int64_t height,
                   const std::string& file);

/// Cuts a square from a picture [H,W,3] of any type: [S,S,3]; black where it reaches beyond the
/// picture. Shares the picture's memory where it does not.
torch::Tensor cut_square(const torch::Tensor& picture, const Square& square);

}  // namespace pgan::data
