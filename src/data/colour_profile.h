#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include <torch/types.h>

namespace pgan::data {

/// What a file says about its colours.
struct ColourProfile {
  std::vector<std::uint8_t> icc;  ///< an ICC profile; it wins over the rest
  bool grey = false;              ///< the picture is: a profile for grey fits only then
  double gamma = 0;               ///< PNG's gAMA (encoding exponent, 1/2.2 usual); 0: absent
  /// PNG's cHRM: x and y of white, red, green, blue; sRGB's unless given.
  double chroma[8] = {0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06};
};

/// Converts pixels [H,W,3 or 4] (uint8, or the bits of uint16 in int16; RGB, RGBA) to sRGB in
/// place, by Little CMS with perceptual intent; a fourth channel stays. Nothing is done where the
/// profile is absent, damaged, for other than RGB or grey pictures, or within 1/255 of sRGB.
void convert_to_srgb(torch::Tensor& pixels, const ColourProfile& profile);

/// CMYK [H,W,4] uint8, inverted as Adobe stores it (255: no ink) -> RGB [H,W,3] uint8: by the ICC
/// profile where it is one for CMYK, else C*K/255, M*K/255, Y*K/255.
torch::Tensor cmyk_to_srgb(const torch::Tensor& pixels, const ColourProfile& profile);

}  // namespace pgan::data
