#include "data/colour_profile.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>

#include <lcms2.h>

namespace pgan::data {
namespace {

struct ProfileCloser {
  void operator()(void* profile) const { cmsCloseProfile(profile); }
};
struct TransformDeleter {
  void operator()(void* transform) const { cmsDeleteTransform(transform); }
};
using Profile = std::unique_ptr<void, ProfileCloser>;
using Transform = std::unique_ptr<void, TransformDeleter>;

/// Exponents this close to 1/2.2 are sRGB's (libpng's own threshold).
constexpr double kGammaTolerance = 0.05;
constexpr double kChromaTolerance = 0.005;

Profile from_gamma(const ColourProfile& colours) {
  const ColourProfile srgb;
  double off = std::abs(colours.gamma * 2.2 - 1) / kGammaTolerance;
  for (int i = 0; i < 8; ++i) {
    off = std::max(off, std::abs(colours.chroma[i] - srgb.chroma[i]) / kChromaTolerance);
  }
  if (off <= 1) return nullptr;
  const double* c = colours.chroma;
  const cmsCIExyY white = {c[0], c[1], 1};
  const cmsCIExyYTRIPLE primaries = {{c[2], c[3], 1}, {c[4], c[5], 1}, {c[6], c[7], 1}};
  cmsToneCurve* curve = cmsBuildGamma(nullptr, 1 / colours.gamma);
  if (curve == nullptr) return nullptr;
  cmsToneCurve* const curves[3] = {curve, curve, curve};
  Profile profile(cmsCreateRGBProfile(&white, &primaries, curves));
  cmsFreeToneCurve(curve);
  return profile;
}

Profile open_profile(const ColourProfile& colours) {
  if (!colours.icc.empty()) {
    return Profile(cmsOpenProfileFromMem(colours.icc.data(),
                                         static_cast<cmsUInt32Number>(colours.icc.size())));
  }
  return colours.gamma > 0 ? from_gamma(colours) : nullptr;
}

/// Little CMS's pixel layout: the first `used` of `channels` are colours.
cmsUInt32Number layout(int space, int used, int channels, int bytes) {
  return static_cast<cmsUInt32Number>(COLORSPACE_SH(space) | CHANNELS_SH(used) |
                                      EXTRA_SH(channels - used) | BYTES_SH(bytes));
}

Transform to_srgb(void* profile, cmsUInt32Number from, cmsUInt32Number to) {
  const Profile srgb(cmsCreate_sRGBProfile());
  // Without Little CMS's one-pixel cache: pictures rarely repeat a pixel exactly.
  return Transform(
      cmsCreateTransform(profile, from, srgb.get(), to, INTENT_PERCEPTUAL, cmsFLAGS_NOCACHE));
}

/// Whether a transform moves no colour of a coarse grid by more than one level: then the picture is
/// sRGB already, as most that carry a profile are, and stays exact.
bool is_identity(void* profile, int space, int used) {
  const Transform transform = to_srgb(profile, layout(space, used, 3, 1), layout(PT_RGB, 3, 3, 1));
  if (!transform) return false;
  static constexpr int kSteps = 6;  // 0, 51, ... 255
  std::vector<std::uint8_t> grid, moved;
  for (int i = 0; i < kSteps * kSteps * kSteps; ++i) {
    const int red = i % kSteps, green = i / kSteps % kSteps, blue = i / (kSteps * kSteps);
    for (int value : {red, green, blue}) {
      grid.push_back(static_cast<std::uint8_t>((used == 1 ? red : value) * 51));
    }
  }
  moved.resize(grid.size());
  cmsDoTransform(transform.get(), grid.data(), moved.data(), kSteps * kSteps * kSteps);
  for (std::size_t i = 0; i < grid.size(); ++i) {
    if (std::abs(int{grid[i]} - int{moved[i]}) > 1) return false;
  }
  return true;
}

/// The transform of a profile for pixels of a layout, kept by each thread: the pictures of a set
/// mostly carry the same profile, and building the transform costs more than using it.
struct Cached {
  ColourProfile colours;
  int channels = 0, bytes = 0;
  Transform transform;  // null: leave the pixels alone
};

bool same(const ColourProfile& a, const ColourProfile& b) {
  return a.icc == b.icc && a.grey == b.grey && a.gamma == b.gamma &&
         std::equal(a.chroma, a.chroma + 8, b.chroma);
}

Transform build(const ColourProfile& colours, int channels, int bytes) {
  const Profile profile = open_profile(colours);
  if (!profile) return nullptr;
  const cmsColorSpaceSignature space = cmsGetColorSpace(profile.get());
  if (space != cmsSigRgbData && !(space == cmsSigGrayData && colours.grey)) return nullptr;
  const int used = space == cmsSigGrayData ? 1 : 3;
  const int kind = used == 1 ? PT_GRAY : PT_RGB;
  if (is_identity(profile.get(), kind, used)) return nullptr;
  return to_srgb(profile.get(), layout(kind, used, channels, bytes),
                 layout(PT_RGB, 3, channels, bytes));
}

}  // namespace

void convert_to_srgb(torch::Tensor& pixels, const ColourProfile& profile) {
  if (profile.icc.empty() && profile.gamma <= 0) return;
  thread_local Cached cached;
  const int channels = static_cast<int>(pixels.size(2));
  const int bytes = static_cast<int>(pixels.element_size());
  if (!same(cached.colours, profile) || cached.channels != channels || cached.bytes != bytes) {
    cached = {profile, channels, bytes, build(profile, channels, bytes)};
  }
  if (!cached.transform) return;
  auto* row = static_cast<std::uint8_t*>(pixels.data_ptr());
  for (std::int64_t y = 0; y < pixels.size(0); ++y, row += pixels.stride(0) * bytes) {
    cmsDoTransform(cached.transform.get(), row, row, static_cast<cmsUInt32Number>(pixels.size(1)));
  }
}

torch::Tensor cmyk_to_srgb(const torch::Tensor& pixels, const ColourProfile& colours) {
  torch::Tensor out = torch::empty({pixels.size(0), pixels.size(1), 3}, torch::kUInt8);
  const auto* from = pixels.const_data_ptr<std::uint8_t>();
  auto* to = out.mutable_data_ptr<std::uint8_t>();
  const std::int64_t count = pixels.size(0) * pixels.size(1);
  const Profile profile = open_profile(colours);
  if (profile && cmsGetColorSpace(profile.get()) == cmsSigCmykData) {
    const Transform transform =
        to_srgb(profile.get(), TYPE_CMYK_8_REV, static_cast<cmsUInt32Number>(TYPE_RGB_8));
    if (transform) {
      for (std::int64_t y = 0; y < pixels.size(0); ++y) {
        cmsDoTransform(transform.get(), from + y * pixels.size(1) * 4, to + y * pixels.size(1) * 3,
                       static_cast<cmsUInt32Number>(pixels.size(1)));
      }
      return out;
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    for (int c = 0; c < 3; ++c) {
      to[i * 3 + c] = static_cast<std::uint8_t>((from[i * 4 + c] * from[i * 4 + 3] + 127) / 255);
    }
  }
  return out;
}

}  // namespace pgan::data
