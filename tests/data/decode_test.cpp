#include "data/decode.h"

#include <algorithm>
#include <iostream>
#include <map>
#include <vector>

#include <gmock/gmock.h>

#include "data/encode.h"
#include "data/fixtures.h"
#include "data/mapped_file.h"
#include "data/picture_header.h"

namespace pgan::data {
namespace {

using testing::HasSubstr;

TEST(Decode, PngRoundTripIsExactRgb) {
  const torch::Tensor image = torch::randint(0, 256, {3, 5, 7}, torch::kFloat64).to(torch::kUInt8);
  const auto png = encode_png(image);
  EXPECT_TRUE(decode(png, "a").equal(image.permute({1, 2, 0})));
  const PictureHeader header = read_picture_header(png);
  EXPECT_EQ(header.width, 7);
  EXPECT_EQ(header.height, 5);
}

TEST(Decode, DamageNamesTheFile) {
  const auto png = encode_png(torch::zeros({3, 64, 64}, torch::kUInt8));
  const auto message = [](std::span<const std::uint8_t> bytes) {
    return message_of([&] { decode(bytes, "face.png"); });
  };
  EXPECT_THAT(message({}), HasSubstr("face.png: empty file"));
  EXPECT_THAT(message(std::span(png).first(40)), HasSubstr("face.png: truncated PNG"));
  auto flipped = png;
  flipped[flipped.size() / 2] ^= 1;
  EXPECT_THAT(message(flipped), HasSubstr("face.png: damaged PNG"));
  const std::vector<std::uint8_t> text = {'h', 'e', 'l', 'l', 'o', ' ', 'y', 'o', 'u', '!'};
  EXPECT_THAT(message(text), HasSubstr("not a picture"));
  const std::vector<std::uint8_t> gif = {'G', 'I', 'F', '8', '9', 'a', 1, 0, 1, 0};
  EXPECT_THAT(message(gif), HasSubstr("a GIF cannot be read"));
}

TEST(Decode, SizesAreCheckedInTheHeader) {
  const auto png = encode_png(torch::zeros({3, 64, 64}, torch::kUInt8));
  EXPECT_NO_THROW(decode(png, "a", {.max_pixels = 64 * 64}));
  EXPECT_THAT(message_of([&] { decode(png, "a.png", {.max_pixels = 64 * 64 - 1}); }),
              HasSubstr("a.png: declares 64x64 pixels, more than the 4095"));
  auto jpeg = encode_jpeg(torch::zeros({3, 64, 64}, torch::kUInt8), 90);
  const std::uint8_t frame[] = {0xFF, 0xC0};
  auto at = std::search(jpeg.begin(), jpeg.end(), frame, frame + 2);
  at[5] = at[7] = 0xFE;
  EXPECT_THAT(message_of([&] { decode(jpeg, "a"); }), HasSubstr("declares 65088x65088 pixels"));
  for (const std::string& head :
       {std::string("P6\n99999 99999\n255\n"), std::string("P6 0 7 255 ")}) {
    const std::vector<std::uint8_t> pnm(head.begin(), head.end());
    EXPECT_THAT(message_of([&] { decode(pnm, "a"); }), HasSubstr("declares")) << head;
  }
}

TEST(Decode, OpenCvFailuresStayQuiet) {
  const std::string head = "P6\n64 64\n255\nabc";
  const std::vector<std::uint8_t> pnm(head.begin(), head.end());
  testing::internal::CaptureStderr();
  EXPECT_THAT(message_of([&] { decode(pnm, "a.ppm"); }), HasSubstr("a.ppm: damaged or truncated"));
  std::cerr << "heard";
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "heard");
}

TEST(Decode, TruncatedJpegIsRefused) {
  const TempFolder folder;
  write_image(folder / "a.jpg", draw_face(1, 0, 64).image);
  const std::string whole = read_text(folder / "a.jpg");
  EXPECT_NO_THROW(decode_file(folder / "a.jpg"));
  write_text(folder / "a.jpg", whole.substr(0, whole.size() * 2 / 3));
  EXPECT_THAT(message_of([&] { decode_file(folder / "a.jpg"); }), HasSubstr("truncated JPEG"));
}

fs::path find_odd(const std::string& name) {
  if (test_data().empty() || !fs::exists(test_data() / "odd")) return {};
  for (const auto& entry : fs::recursive_directory_iterator(test_data() / "odd")) {
    if (entry.path().filename() == name) return entry.path();
  }
  return {};
}

TEST(Decode, ExifOrientationsAgree) {
  const fs::path upright = find_odd("Landscape_1.jpg");
  PGAN_NEEDS_TEST_DATA(upright);
  const torch::Tensor expected = decode_file(upright).to(torch::kFloat32);
  for (int i = 2; i <= 8; ++i) {
    const torch::Tensor turned =
        decode_file(find_odd("Landscape_" + std::to_string(i) + ".jpg")).to(torch::kFloat32);
    ASSERT_EQ(turned.sizes(), expected.sizes()) << i;
    EXPECT_LT((turned - expected).abs().mean().item<double>(), 6) << i;
  }
}

TEST(Decode, DepthAndTransparency) {
  const fs::path deep = find_odd("basn2c16.png");
  PGAN_NEEDS_TEST_DATA(deep);
  const torch::Tensor picture = decode_file(deep);
  EXPECT_EQ(picture.scalar_type(), torch::kFloat32);
  EXPECT_LE(picture.max().item<double>(), 255.0);
  EXPECT_GT(picture.max().item<double>(), 250.0);
  // PngSuite's tbbn0g04 is transparent over most of it: white, not what lies under the
  // transparency.
  const torch::Tensor clear = decode_file(find_odd("tp1n3p08.png"));
  EXPECT_TRUE(clear[0][0].eq(255).all().item<bool>());
  for (const char* grey : {"basn0g08.png", "basn0g16.png", "basn4a08.png", "basn3p04.png"}) {
    EXPECT_EQ(decode_file(find_odd(grey)).size(2), 3) << grey;
  }
}

TEST(Decode, EveryOddFileDecodesOrSaysWhy) {
  const fs::path odd = test_data() / "odd";
  PGAN_NEEDS_TEST_DATA(odd);
  std::map<bool, int> outcomes;
  for (const auto& entry : fs::recursive_directory_iterator(odd)) {
    if (!entry.is_regular_file()) continue;
    try {
      const torch::Tensor picture = decode_file(entry.path());
      EXPECT_EQ(picture.dim(), 3);
      EXPECT_EQ(picture.size(2), 3);
      ++outcomes[true];
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(entry.path().string()));
      ++outcomes[false];
    }
  }
  EXPECT_GT(outcomes[true], 150);
  EXPECT_GT(outcomes[false], 10);
}

}  // namespace
}  // namespace pgan::data
