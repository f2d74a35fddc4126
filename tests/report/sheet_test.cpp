#include "report/sheet.h"

#include <limits>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <opencv2/imgcodecs.hpp>

#include "report/scratch.h"

namespace pgan::report {
namespace {

using ::testing::ElementsAre;

std::vector<std::int64_t> layout(const torch::Tensor& sheet) {
  return sheet.sizes().vec();
}

std::vector<int> pixel(const torch::Tensor& sheet, std::int64_t y, std::int64_t x) {
  const auto rgb = sheet[y][x];
  return {rgb[0].item<int>(), rgb[1].item<int>(), rgb[2].item<int>()};
}

TEST(Sheet, columns) {
  const std::vector<std::pair<std::int64_t, std::int64_t>> expected = {
      {1, 1}, {2, 2},  {3, 3},  {4, 2},  {5, 3},  {6, 3},   {7, 3},
      {8, 4}, {10, 5}, {16, 4}, {32, 8}, {64, 8}, {120, 12}};
  for (const auto& [count, columns] : expected) EXPECT_EQ(columns_for(count), columns) << count;
  EXPECT_THROW(columns_for(0), std::invalid_argument);
}

TEST(Sheet, small_images_are_enlarged_and_placed_row_by_row) {
  auto images = torch::full({3, 3, 4, 4}, -1.0);
  images[0][0][0][0] = 1.0;  // top left pixel of the first: red
  images[1].fill_(1.0);
  images[2][2].fill_(0.0);
  GridOptions options;
  options.columns = 2;
  options.gap_pixels = 1;
  const auto sheet = make_grid(images, options);
  EXPECT_EQ(sheet.scalar_type(), torch::kUInt8);
  EXPECT_THAT(layout(sheet), ElementsAre(2 * 33 + 1, 2 * 33 + 1, 3));
  EXPECT_THAT(pixel(sheet, 0, 0), ElementsAre(0, 0, 0));
  EXPECT_THAT(pixel(sheet, 1, 1), ElementsAre(255, 0, 0));
  EXPECT_THAT(pixel(sheet, 8, 8), ElementsAre(255, 0, 0));
  EXPECT_THAT(pixel(sheet, 9, 8), ElementsAre(0, 0, 0));
  EXPECT_THAT(pixel(sheet, 1, 34), ElementsAre(255, 255, 255));
  EXPECT_THAT(pixel(sheet, 33, 40), ElementsAre(0, 0, 0));
  EXPECT_THAT(pixel(sheet, 40, 10), ElementsAre(0, 0, 128));
  EXPECT_THAT(pixel(sheet, 40, 40), ElementsAre(0, 0, 0));
}

TEST(Sheet, large_images_keep_their_size) {
  EXPECT_THAT(layout(make_grid(torch::zeros({8, 3, 64, 64}))),
              ElementsAre(2 * 66 + 2, 4 * 66 + 2, 3));
  GridOptions wide;
  wide.columns = 100;
  EXPECT_THAT(layout(make_grid(torch::zeros({2, 3, 64, 48}), wide)), ElementsAre(68, 102, 3));
}

TEST(Sheet, values_are_rounded_clamped_and_never_undefined) {
  auto images = torch::zeros({1, 3, 32, 32}, torch::kFloat64);
  const double values[] = {-3.0, 3.0, std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity(), -0.5};
  for (int i = 0; i < 5; ++i) images[0][0][0][i] = values[i];
  GridOptions plain;
  plain.gap_pixels = 0;
  const auto red = make_grid(images, plain).select(2, 0)[0];
  const int expected[] = {0, 255, 128, 255, 64};  // 63.75 -> 64
  for (int i = 0; i < 5; ++i) EXPECT_EQ(red[i].item<int>(), expected[i]) << i;
}

TEST(Sheet, other_shapes_are_refused) {
  EXPECT_THROW(make_grid(torch::zeros({0, 3, 4, 4})), std::invalid_argument);
  EXPECT_THROW(make_grid(torch::zeros({1, 1, 4, 4})), std::invalid_argument);
  EXPECT_THROW(make_grid(torch::zeros({3, 4, 4})), std::invalid_argument);
  EXPECT_THROW(make_grid(torch::zeros({1, 3, 4, 4}, torch::kUInt8)), std::invalid_argument);
  EXPECT_THROW(encode_png(torch::zeros({4, 4, 3})), std::invalid_argument);
}

bool dark(const torch::Tensor& part) {
  return part.max().item<int>() == 0;
}

TEST(Sheet, without_texts_nothing_changes) {
  const auto images = torch::rand({5, 3, 20, 24}) * 2 - 1;
  GridOptions options;
  options.columns = 3;
  const auto plain = make_grid(images, options);
  EXPECT_THAT(layout(plain), ElementsAre(2 * 42 + 2, 3 * 50 + 2, 3));
  const auto bytes = ((images + 1) * 127.5).round().to(torch::kUInt8).permute({0, 2, 3, 1});
  for (std::int64_t i = 0; i < 5; ++i) {
    const auto shown = plain.slice(0, i / 3 * 42 + 2, i / 3 * 42 + 42).slice(1, i % 3 * 50 + 2);
    const auto whole = bytes[i].repeat_interleave(2, 0).repeat_interleave(2, 1);
    EXPECT_TRUE(torch::equal(shown.slice(1, 0, 48), whole)) << i;
  }
  options.headings = {"", "", ""};
  options.row_titles = {"", ""};
  EXPECT_TRUE(torch::equal(make_grid(images, options), plain));
}

TEST(Sheet, texts_stand_around_unchanged_pictures) {
  const auto images = torch::rand({6, 3, 64, 64}) * 2 - 1;
  GridOptions options;
  options.columns = 3;
  const auto plain = make_grid(images, options);
  options.headings = {"Input", "Wearing_Necktie"};
  const auto headed = make_grid(images, options);
  ASSERT_EQ(headed.size(1), plain.size(1));
  const std::int64_t top = headed.size(0) - plain.size(0);
  EXPECT_TRUE(top > 20 && top < 32) << top;  // two lines: Wearing_ and Necktie
  EXPECT_TRUE(torch::equal(headed.slice(0, top), plain));
  const auto above = headed.slice(0, 0, top);
  EXPECT_FALSE(dark(above.slice(1, 2, 66)));
  EXPECT_FALSE(dark(above.slice(1, 68, 132)));
  EXPECT_TRUE(dark(above.slice(1, 132)));  // the third has none

  options.row_titles = {"a.png"};
  options.title = "G at kimg 120.0, 128x128";
  const auto whole = make_grid(images, options);
  const std::int64_t left = whole.size(1) - plain.size(1), title = whole.size(0) - headed.size(0);
  EXPECT_TRUE(left > 20 && left < 160) << left;
  EXPECT_TRUE(title > 8 && title < 20) << title;
  EXPECT_TRUE(torch::equal(whole.slice(0, title).slice(1, left), headed));
  EXPECT_FALSE(dark(whole.slice(0, 0, title)));
  const auto beside = whole.slice(0, title + top).slice(1, 0, left);
  EXPECT_FALSE(dark(beside.slice(0, 2, 66)));
  EXPECT_TRUE(dark(beside.slice(0, 66)));
}

TEST(Sheet, headed_cells_can_be_read) {
  GridOptions options;
  options.columns = 2;
  options.headings = {"A", "B"};
  EXPECT_THAT(layout(make_grid(torch::zeros({2, 3, 24, 24}), options)),
              ElementsAre(14 + 72 + 4, 2 * 74 + 2, 3));
}

TEST(Sheet, headings_stay_above_their_column) {
  GridOptions options;
  options.columns = 3;
  const auto images = torch::zeros({3, 3, 64, 64});
  for (const char* name : {"Wearing_Necktie", "Mouth_Slightly_Open_And_More_Than_Fits_In_Lines",
                           "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "5_o_Clock_Shadow"}) {
    options.headings = {"", name, ""};
    const auto sheet = make_grid(images, options);
    const auto above = sheet.slice(0, 0, sheet.size(0) - 68);
    EXPECT_LE(above.size(0), 3 * 14) << name;
    EXPECT_FALSE(dark(above.slice(1, 68, 132))) << name;
    EXPECT_TRUE(dark(above.slice(1, 0, 69))) << name;  // and a dark edge: no letter is cut
    EXPECT_TRUE(dark(above.slice(1, 131))) << name;
  }
}

TEST(Sheet, every_letter_is_whole) {
  GridOptions options;
  const auto images = torch::zeros({1, 3, 128, 128});
  options.headings = {"gjpqy_|()[]{}$@ Q,;"};
  options.row_titles = {"gjpqy_|()[]{}$@ Q,;"};
  options.title = "{|}$()[]gjpqy_";
  const auto sheet = make_grid(images, options);
  const std::int64_t top = sheet.size(0) - 132, left = sheet.size(1) - 132;
  EXPECT_TRUE(dark(sheet[0]));
  EXPECT_LT(sheet[top - 1].max().item<int>(), 8);  // smoothing leaves traces, no strokes
  EXPECT_TRUE(dark(sheet.slice(1, 0, 1).slice(0, top)));
  EXPECT_TRUE(dark(sheet.slice(1, left - 1, left).slice(0, top)));
}

TEST(Sheet, letters_that_cannot_be_drawn_are_marked) {
  const auto images = torch::zeros({1, 3, 96, 96});
  const auto titled = [&](const std::string& title) {
    return make_grid(images, {.columns = 1, .title = title});
  };
  EXPECT_TRUE(torch::equal(titled("Sm\xc3\xb8rrebr\xc3\xb8"
                                  "d"),
                           titled("Sm?rrebr?d")));
  EXPECT_TRUE(torch::equal(titled("a\n\xe2\x82\xac\x80"), titled("a??")));
  EXPECT_FALSE(torch::equal(titled("a??"), titled("a?")));
}

TEST(Sheet, long_titles_are_shortened) {
  const auto images = torch::zeros({4, 3, 64, 64});
  GridOptions options;
  options.columns = 4;
  options.title = std::string(500, 'W');
  options.row_titles = {std::string(3000, 'W')};
  const auto sheet = make_grid(images, options);
  EXPECT_LE(sheet.size(1), 4 * 66 + 2 + 160);
  EXPECT_EQ(sheet.size(0), 3 * 14 + 2 + 68);
  EXPECT_TRUE(dark(sheet.slice(1, -1)));
}

TEST(Sheet, more_texts_than_places_are_refused) {
  const auto images = torch::zeros({4, 3, 64, 64});
  GridOptions options;
  options.columns = 2;
  options.headings = {"a", "b", "c"};
  EXPECT_THROW(make_grid(images, options), std::invalid_argument);
  options.headings = {};
  options.row_titles = {"a", "b", "c"};
  EXPECT_THROW(make_grid(images, options), std::invalid_argument);
  options = {.columns = 8, .headings = {"a", "b", "c", "d", "e", "f"}};  // not all are shown
  EXPECT_EQ(make_grid(images, options).size(1), 4 * 66 + 2);
}

TEST(Sheet, one_picture_as_it_is) {
  const Scratch scratch;
  const auto bytes = torch::arange(256 * 3, torch::kInt64).remainder(256).reshape({1, 3, 8, 32});
  const auto image = bytes.to(torch::kFloat32) / 127.5 - 1;
  const auto picture = make_grid(image, {.min_cell_pixels = 1, .gap_pixels = 0});
  EXPECT_TRUE(torch::equal(picture, bytes[0].permute({1, 2, 0}).to(torch::kUInt8)));
  write_png(scratch / "a.png", picture);
  const cv::Mat back = cv::imread((scratch / "a.png").string(), cv::IMREAD_UNCHANGED);
  ASSERT_EQ(back.size(), cv::Size(32, 8));
  ASSERT_EQ(back.type(), CV_8UC3);
  const auto read_back = torch::from_blob(back.data, {8, 32, 3}, torch::kUInt8);
  EXPECT_TRUE(torch::equal(read_back.flip({2}), picture));  // OpenCV reads blue first
}

TEST(Sheet, png_holds_the_pixels) {
  const Scratch scratch;
  auto picture = torch::zeros({3, 5, 3}, torch::kUInt8);
  picture[1][2][0] = 200;  // red
  picture[2][4][2] = 100;  // blue
  write_png(scratch / "a.png", picture.transpose(0, 1).contiguous().transpose(0, 1));
  EXPECT_EQ(read(scratch / "a.png").substr(0, 8), "\x89PNG\r\n\x1a\n");
  const cv::Mat back = cv::imread((scratch / "a.png").string(), cv::IMREAD_UNCHANGED);
  ASSERT_EQ(back.type(), CV_8UC3);
  ASSERT_EQ(back.size(), cv::Size(5, 3));
  EXPECT_EQ(back.at<cv::Vec3b>(1, 2), cv::Vec3b(0, 0, 200));
  EXPECT_EQ(back.at<cv::Vec3b>(2, 4), cv::Vec3b(100, 0, 0));
  EXPECT_THAT(names_in(scratch.path()), ElementsAre("a.png"));
}

TEST(Sheet, full_disk_leaves_no_torn_picture) {
  const Scratch scratch;
  {
    const FileSizeLimit limit(100);
    const auto noise = torch::randint(256, {64, 64, 3}, torch::kUInt8);
    EXPECT_THROW(write_png(scratch / "a.png", noise), DataError);
  }
  EXPECT_TRUE(names_in(scratch.path()).empty());
}

TEST(Sheet, too_large_for_a_png) {
  const auto ribbon = torch::zeros({1, 3'000'000, 3}, torch::kUInt8);
  EXPECT_THROW(encode_png(ribbon), DataError);
}

}  // namespace
}  // namespace pgan::report
