#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include <gmock/gmock.h>
#include <jpeglib.h>
#include <lcms2.h>
#include <png.h>

#include "data/decode.h"
#include "data/encode.h"
#include "data/fixtures.h"

namespace pgan::data {
namespace {

using Bytes = std::vector<std::uint8_t>;
using testing::HasSubstr;

/// A PNG by libpng; `setup` adds what comes before the pixels.
Bytes make_png(png_uint_32 width, png_uint_32 height, int depth, int type, Bytes rows,
               const std::function<void(png_structp, png_infop)>& setup = {},
               int interlace = PNG_INTERLACE_NONE) {
  Bytes out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp self, png_bytep data, std::size_t count) {
        auto* to = static_cast<Bytes*>(png_get_io_ptr(self));
        to->insert(to->end(), data, data + count);
      },
      [](png_structp) {});
  png_set_IHDR(png, info, width, height, depth, type, interlace, 0, 0);
  if (setup) setup(png, info);
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  for (png_uint_32 y = 0; y < height; ++y) {
    pointers.push_back(rows.data() + y * rows.size() / height);
  }
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

/// A JPEG of one colour, 16x16, by libjpeg; `setup` changes the settings after the defaults.
Bytes make_jpeg(const std::vector<std::uint8_t>& colour, J_COLOR_SPACE space, const Bytes& icc = {},
                const std::function<void(jpeg_compress_struct&)>& setup = {}) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &data, &size);
  info.image_width = info.image_height = 16;
  info.input_components = static_cast<int>(colour.size());
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  if (setup) setup(info);
  jpeg_start_compress(&info, TRUE);
  if (!icc.empty()) jpeg_write_icc_profile(&info, icc.data(), static_cast<unsigned>(icc.size()));
  Bytes row;
  for (int x = 0; x < 16; ++x) row.insert(row.end(), colour.begin(), colour.end());
  JSAMPROW pointer = row.data();
  for (int y = 0; y < 16; ++y) jpeg_write_scanlines(&info, &pointer, 1);
  jpeg_finish_compress(&info);
  const Bytes out(data, data + size);
  std::free(data);
  jpeg_destroy_compress(&info);
  return out;
}

void expect_pixel(const torch::Tensor& picture, std::int64_t y, std::int64_t x,
                  const std::vector<double>& rgb, double tolerance) {
  for (std::int64_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(picture[y][x][c].item<double>(), rgb[static_cast<std::size_t>(c)], tolerance)
        << "at " << y << "," << x << " channel " << c;
  }
}

TEST(OddPng, GreyOfAnyDepthIsSpreadOverTheWholeRange) {
  const struct {
    int depth;
    std::uint8_t row;
    std::vector<int> values;
  } cases[] = {{1, 0b10110000, {1, 0, 1, 1}}, {2, 0b00011011, {0, 1, 2, 3}}, {4, 0x3C, {3, 12}}};
  for (const auto& one : cases) {
    const auto width = static_cast<png_uint_32>(one.values.size());
    const auto picture =
        decode(make_png(width, 1, one.depth, PNG_COLOR_TYPE_GRAY, {one.row}), "grey");
    for (std::size_t x = 0; x < one.values.size(); ++x) {
      const double value = one.values[x] * 255.0 / ((1 << one.depth) - 1);
      expect_pixel(picture, 0, static_cast<std::int64_t>(x), {value, value, value}, 0);
    }
  }
}

TEST(OddPng, PaletteWithTransparencyLiesOnWhite) {
  const auto png =
      make_png(3, 1, 8, PNG_COLOR_TYPE_PALETTE, {2, 0, 1}, [](png_structp p, png_infop info) {
        const png_color colours[] = {{10, 20, 30}, {200, 100, 0}, {7, 8, 9}};
        const png_byte alpha[] = {0, 51};
        png_set_PLTE(p, info, colours, 3);
        png_set_tRNS(p, info, alpha, 2, nullptr);
      });
  const torch::Tensor picture = decode(png, "palette");
  expect_pixel(picture, 0, 0, {7, 8, 9}, 0);
  expect_pixel(picture, 0, 1, {255, 255, 255}, 0);
  expect_pixel(picture, 0, 2, {0.2 * 200 + 204, 0.2 * 100 + 204, 204}, 0.5);
}

TEST(OddPng, SixteenBitsKeepTheirPrecision) {
  const Bytes row = {0x12, 0x34, 0x80, 0x01, 0xFF, 0xFF, 0x40, 0x00};  // R G B A, big-endian
  const torch::Tensor picture = decode(make_png(1, 1, 16, PNG_COLOR_TYPE_RGBA, row), "deep");
  ASSERT_EQ(picture.scalar_type(), torch::kFloat32);
  const double alpha = 0x4000 / 65535.0, white = 255 * (1 - alpha);
  const auto level = [&](int value) { return value / 65535.0 * 255 * alpha + white; };
  expect_pixel(picture, 0, 0, {level(0x1234), level(0x8001), level(0xFFFF)}, 1e-4);
}

TEST(OddPng, InterlacedIsTheSame) {
  Bytes rows(13 * 11 * 3);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::uint8_t>(i * 37 + i / 7);
  const auto plain = make_png(13, 11, 8, PNG_COLOR_TYPE_RGB, rows);
  const auto woven = make_png(13, 11, 8, PNG_COLOR_TYPE_RGB, rows, {}, PNG_INTERLACE_ADAM7);
  EXPECT_NE(plain, woven);
  EXPECT_TRUE(decode(woven, "a").equal(decode(plain, "b")));
}

/// Where the pixel at row y, column x of the upright picture lies in the stored one (EXIF 2.3).
std::pair<int, int> stored_at(int orientation, int y, int x, int stored_rows, int stored_columns) {
  const int down = stored_rows - 1, right = stored_columns - 1;
  switch (orientation) {
    case 2:
      return {y, right - x};
    case 3:
      return {down - y, right - x};
    case 4:
      return {down - y, x};
    case 5:
      return {x, y};
    case 6:
      return {down - x, y};
    case 7:
      return {down - x, right - y};
    case 8:
      return {x, right - y};
    default:
      return {y, x};
  }
}

TEST(OddPng, EveryOrientationIsTurnedUpright) {
  for (int orientation = 0; orientation <= 9; ++orientation) {
    const auto number = static_cast<png_byte>(orientation);
    png_byte exif[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0, number, 0, 0};
    const auto png =
        make_png(3, 2, 8, PNG_COLOR_TYPE_GRAY, {0, 1, 2, 10, 11, 12},
                 [&](png_structp p, png_infop info) { png_set_eXIf_1(p, info, 22, exif); });
    const torch::Tensor picture = decode(png, "turned");
    const bool lying = orientation >= 5 && orientation <= 8;
    ASSERT_EQ(picture.size(0), lying ? 3 : 2) << orientation;
    for (int y = 0; y < picture.size(0); ++y) {
      for (int x = 0; x < picture.size(1); ++x) {
        const auto [row, column] = stored_at(orientation, y, x, 2, 3);
        EXPECT_EQ(picture[y][x][0].item<int>(), row * 10 + column) << orientation;
      }
    }
  }
}

double to_linear(double v) {
  return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
}
double to_encoded(double v) {
  v = std::clamp(v, 0.0, 1.0);
  return 255 * (v <= 0.0031308 ? v * 12.92 : 1.055 * std::pow(v, 1 / 2.4) - 0.055);
}

TEST(OddPng, GammaIsConverted) {
  const Bytes row = {0, 10, 60, 128, 200, 255};
  const auto with_gamma = [&](double gamma) {
    return decode(make_png(6, 1, 8, PNG_COLOR_TYPE_GRAY, row,
                           [&](png_structp p, png_infop info) { png_set_gAMA(p, info, gamma); }),
                  "gamma");
  };
  for (const double gamma : {1.0, 0.7}) {
    const torch::Tensor picture = with_gamma(gamma);
    for (std::size_t x = 0; x < row.size(); ++x) {
      const double value = to_encoded(std::pow(row[x] / 255.0, 1 / gamma));
      expect_pixel(picture, 0, static_cast<std::int64_t>(x), {value, value, value}, 1);
    }
  }
  const torch::Tensor usual = with_gamma(0.45455);
  for (std::size_t x = 0; x < row.size(); ++x) {
    EXPECT_EQ(usual[0][static_cast<std::int64_t>(x)][0].item<int>(), row[x]);
  }
}

/// Display P3: DCI-P3's primaries, D65, sRGB's curve.
Bytes display_p3() {
  const cmsCIExyY white = {0.3127, 0.3290, 1};
  const cmsCIExyYTRIPLE primaries = {{0.680, 0.320, 1}, {0.265, 0.690, 1}, {0.150, 0.060, 1}};
  const double parameters[] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  cmsToneCurve* curve = cmsBuildParametricToneCurve(nullptr, 4, parameters);
  cmsToneCurve* const curves[] = {curve, curve, curve};
  cmsHPROFILE profile = cmsCreateRGBProfile(&white, &primaries, curves);
  cmsUInt32Number size = 0;
  cmsSaveProfileToMem(profile, nullptr, &size);
  Bytes out(size);
  cmsSaveProfileToMem(profile, out.data(), &size);
  cmsCloseProfile(profile);
  cmsFreeToneCurve(curve);
  return out;
}

std::vector<double> p3_to_srgb(const Bytes& rgb) {
  // Both are D65: the product of the two primaries' matrices.
  static constexpr double kMatrix[3][3] = {
      {1.2249401, -0.2249402, 0}, {-0.0420570, 1.0420571, 0}, {-0.0196376, -0.0786361, 1.0982735}};
  std::vector<double> out;
  for (const auto& row : kMatrix) {
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) sum += row[i] * to_linear(rgb[i] / 255.0);
    out.push_back(to_encoded(sum));
  }
  return out;
}

TEST(OddColours, AnEmbeddedProfileIsConvertedToSrgb) {
  const Bytes icc = display_p3();
  for (const Bytes& colour : {Bytes{200, 100, 50}, Bytes{90, 160, 120}, Bytes{128, 128, 128}}) {
    const auto png =
        make_png(1, 1, 8, PNG_COLOR_TYPE_RGB, colour, [&](png_structp p, png_infop info) {
          png_set_iCCP(p, info, "P3", 0, icc.data(), static_cast<png_uint_32>(icc.size()));
        });
    expect_pixel(decode(png, "p3.png"), 0, 0, p3_to_srgb(colour), 1.5);
    expect_pixel(decode(make_jpeg(colour, JCS_RGB, icc), "p3.jpg"), 5, 5, p3_to_srgb(colour), 3);
  }
}

TEST(OddColours, ADamagedProfileIsIgnored) {
  Bytes icc = display_p3();
  icc.resize(icc.size() / 2);
  const torch::Tensor plain = decode(make_jpeg({200, 100, 50}, JCS_RGB), "plain");
  EXPECT_TRUE(decode(make_jpeg({200, 100, 50}, JCS_RGB, icc), "damaged").equal(plain));
}

TEST(OddColours, CmykIsAdobesInverted) {
  for (const Bytes& ink : {Bytes{255, 128, 10, 200}, Bytes{0, 60, 120, 255}}) {
    const torch::Tensor picture = decode(make_jpeg(ink, JCS_CMYK), "cmyk");
    const auto mixed = [&](std::size_t i) { return ink[i] * ink[3] / 255.0; };
    expect_pixel(picture, 8, 8, {mixed(0), mixed(1), mixed(2)}, 2);
  }
}

TEST(OddJpeg, GreyAndProgressive) {
  expect_pixel(decode(make_jpeg({77}, JCS_GRAYSCALE), "grey"), 3, 3, {77, 77, 77}, 1);
  const auto progressive = make_jpeg({40, 90, 200}, JCS_RGB, {}, [](jpeg_compress_struct& info) {
    jpeg_simple_progression(&info);
  });
  expect_pixel(decode(progressive, "progressive"), 3, 3, {40, 90, 200}, 2);
}

TEST(OddJpeg, AProgressiveOneOfManyScansIsRefused) {
  std::vector<jpeg_scan_info> scans = {{1, {0}, 0, 0, 0, 0}};
  for (int k = 1; k < 64; ++k) scans.push_back({1, {0}, k, k, 0, 1});
  for (int k = 1; k < 64; ++k) scans.push_back({1, {0}, k, k, 1, 0});
  const auto many = make_jpeg({77}, JCS_GRAYSCALE, {}, [&](jpeg_compress_struct& info) {
    info.scan_info = scans.data();
    info.num_scans = static_cast<int>(scans.size());
  });
  EXPECT_THAT(message_of([&] { decode(many, "many.jpg"); }), HasSubstr("more than 100 scans"));
}

TEST(OddJpeg, FillingBehindThePixelsIsNoDamageButOtherBytesAre) {
  const Bytes whole = make_jpeg({40, 90, 200}, JCS_RGB);
  const auto with = [&](std::uint8_t filling) {
    Bytes out = whole;
    out.insert(out.end() - 2, 12, filling);
    return out;
  };
  EXPECT_TRUE(decode(with(0), "zeros").equal(decode(whole, "whole")));
  EXPECT_THAT(message_of([&] { decode(with(0x55), "a.jpg"); }), HasSubstr("a.jpg: damaged JPEG"));
  Bytes out(16 * 16 * 3);
  EXPECT_NO_THROW(decode_jpeg_square(whole, "a", 16, 16, out.data()));
  EXPECT_THROW(decode_jpeg_square(with(0), "a", 16, 16, out.data()), DataError);
}

}  // namespace
}  // namespace pgan::data
