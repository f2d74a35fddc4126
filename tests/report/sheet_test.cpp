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
