#include "data/encode.h"

#include <gmock/gmock.h>

#include "data/decode.h"
#include "data/fixtures.h"
#include "data/resample.h"

namespace pgan::data {
namespace {

double rms(const torch::Tensor& a, const torch::Tensor& b) {
  return (a.to(torch::kFloat32) - b.to(torch::kFloat32)).square().mean().sqrt().item<double>();
}

torch::Tensor decode_jpeg_at(const std::vector<std::uint8_t>& jpeg, std::int64_t stored,
                             std::int64_t resolution) {
  torch::Tensor out = torch::empty({resolution, resolution, 3}, torch::kUInt8);
  decode_jpeg_square(jpeg, "jpeg", stored, resolution, out.mutable_data_ptr<std::uint8_t>());
  return out.permute({2, 0, 1});
}

TEST(EncodePng, IsExactAtEveryLevel) {
  torch::manual_seed(2);
  const torch::Tensor image =
      torch::randint(0, 256, {3, 16, 16}, torch::kFloat64).to(torch::kUInt8);
  torch::Tensor out = torch::empty({16, 16, 3}, torch::kUInt8);
  for (int level = 0; level <= 9; ++level) {
    const auto png = encode_png(image, level);
    EXPECT_EQ(png, encode_png(image, level));
    decode_png_square(png, "png", 16, out.mutable_data_ptr<std::uint8_t>());
    EXPECT_TRUE(out.permute({2, 0, 1}).equal(image)) << level;
  }
}

TEST(EncodeJpeg, IsCloseAndReducible) {
  const torch::Tensor face = draw_face(1, 0, 128).image;
  const auto jpeg = encode_jpeg(face, 95);
  EXPECT_EQ(jpeg, encode_jpeg(face, 95));
  EXPECT_LT(rms(decode_jpeg_at(jpeg, 128, 128), face), 2.5);
  torch::Tensor mean = face.to(torch::kFloat32);
  for (const std::int64_t side : {64, 32, 16}) {
    mean = halve(mean);
    EXPECT_LT(rms(decode_jpeg_at(jpeg, 128, side), mean), 3) << side;
  }
  EXPECT_LT(encode_jpeg(face, 50).size(), jpeg.size());
}

TEST(EncodeJpeg, KeepsAllColourFrom96On) {
  torch::Tensor stripes = torch::zeros({3, 32, 32}, torch::kUInt8);
  stripes[0].slice(1, 0, 32, 2).fill_(255);
  stripes[2].slice(1, 1, 32, 2).fill_(255);
  EXPECT_LT(rms(decode_jpeg_at(encode_jpeg(stripes, 96), 32, 32), stripes), 8);
  EXPECT_GT(rms(decode_jpeg_at(encode_jpeg(stripes, 95), 32, 32), stripes), 40);
}

TEST(DecodeSquare, WhatIsNotAsPromisedIsRefused) {
  std::vector<std::uint8_t> out(64 * 64 * 3);
  const torch::Tensor image = torch::zeros({3, 16, 16}, torch::kUInt8);
  const auto jpeg = encode_jpeg(image, 90), png = encode_png(image);
  EXPECT_THROW(decode_jpeg_square(jpeg, "a", 32, 32, out.data()), DataError);
  EXPECT_THROW(decode_png_square(png, "a", 32, out.data()), DataError);
  EXPECT_THROW(decode_png_square(jpeg, "a", 16, out.data()), DataError);
  EXPECT_THROW(decode_jpeg_square(png, "a", 16, 16, out.data()), DataError);
  EXPECT_THROW(decode_jpeg_square({}, "a", 16, 16, out.data()), DataError);
  EXPECT_THROW(decode_png_square({}, "a", 16, out.data()), DataError);
}

TEST(DecodeSquare, EveryTruncationIsNoticed) {
  const torch::Tensor face = draw_face(1, 0, 32).image;
  std::vector<std::uint8_t> out(32 * 32 * 3);
  const auto jpeg = encode_jpeg(face, 90), png = encode_png(face);
  testing::internal::CaptureStderr();
  for (std::size_t size = 0; size < jpeg.size(); size += 5) {
    EXPECT_THROW(decode_jpeg_square(std::span(jpeg).first(size), "a", 32, 32, out.data()),
                 DataError);
    EXPECT_THROW(decode(std::span(jpeg).first(size), "a"), DataError) << size;
  }
  for (std::size_t size = 0; size < png.size(); size += 5) {
    EXPECT_THROW(decode_png_square(std::span(png).first(size), "a", 32, out.data()), DataError);
    EXPECT_THROW(decode(std::span(png).first(size), "a"), DataError) << size;
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace pgan::data
