#include "report/sheet.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string_view>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "report/files.h"

namespace pgan::report {
namespace {

void require(bool condition, const char* what) {
  if (!condition) throw std::invalid_argument(what);
}

constexpr std::int64_t kMostPngPixels = 1'000'000;  // a side; libpng's limit

DataError too_large(const torch::Tensor& picture) {
  return DataError("cannot encode a PNG of " + std::to_string(picture.size(1)) + "x" +
                   std::to_string(picture.size(0)) + " pixels; ask for fewer images");
}

// float [N,3,H,W] in [-1,1] -> uint8 [N,H,W,3]
torch::Tensor to_bytes(const torch::Tensor& images) {
  const auto values = images.detach().to(torch::kCPU, torch::kFloat32);
  const auto scaled = ((values + 1) * 127.5).nan_to_num(127.5, 255, 0).clamp(0, 255).round();
  return scaled.to(torch::kUInt8).permute({0, 2, 3, 1}).contiguous();
}

}  // namespace

std::int64_t columns_for(std::int64_t count) {
  require(count >= 1, "columns_for: count must be at least 1");
  const double side = std::sqrt(static_cast<double>(count));
  const auto square = static_cast<std::int64_t>(std::ceil(side));
  for (std::int64_t columns = square; columns <= std::floor(2 * side); ++columns) {
    if (count % columns == 0) return columns;
  }
  return square;
}

torch::Tensor make_grid(const torch::Tensor& images, const GridOptions& options) {
  require(images.defined() && images.dim() == 4 && images.size(1) == 3 && images.numel() > 0 &&
              images.is_floating_point(),
          "make_grid: images must be a float [N,3,H,W] with N >= 1");
  require(options.columns >= 0 && options.gap_pixels >= 0, "make_grid: negative columns or gap");
  const std::int64_t count = images.size(0), gap = options.gap_pixels;
  const std::int64_t height = images.size(2), width = images.size(3);
  const std::int64_t smaller = std::min(height, width);
  const std::int64_t factor =
      std::max<std::int64_t>(1, (options.min_cell_pixels + smaller - 1) / smaller);
  const auto cells = to_bytes(images).repeat_interleave(factor, 1).repeat_interleave(factor, 2);

  const std::int64_t columns =
      std::min(count, options.columns == 0 ? columns_for(count) : options.columns);
  const std::int64_t rows = (count + columns - 1) / columns;
  const std::int64_t down = height * factor + gap, right = width * factor + gap;
  auto sheet = torch::zeros({rows * down + gap, columns * right + gap, 3}, torch::kUInt8);
  for (std::int64_t i = 0; i < count; ++i) {
    sheet.narrow(0, i / columns * down + gap, height * factor)
        .narrow(1, i % columns * right + gap, width * factor)
        .copy_(cells[i]);
  }
  return sheet;
}

std::vector<std::uint8_t> encode_png(const torch::Tensor& picture) {
  require(picture.defined() && picture.dim() == 3 && picture.size(2) == 3 && picture.numel() > 0 &&
              picture.scalar_type() == torch::kUInt8 && picture.device().is_cpu(),
          "encode_png: the picture must be uint8 [H,W,3] on the CPU");
  // OpenCV would print libpng's complaint and tell no reason.
  if (std::max(picture.size(0), picture.size(1)) > kMostPngPixels) throw too_large(picture);
  const auto rgb = picture.contiguous();
  std::vector<std::uint8_t> png;
  try {
    const cv::Mat view(static_cast<int>(rgb.size(0)), static_cast<int>(rgb.size(1)), CV_8UC3,
                       rgb.data_ptr<std::uint8_t>());
    cv::Mat bgr;
    cv::cvtColor(view, bgr, cv::COLOR_RGB2BGR);
    if (cv::imencode(".png", bgr, png)) return png;
  } catch (const cv::Exception&) {  // its text has several lines, about OpenCV's sources
  }
  throw too_large(picture);
}

void write_png(const std::filesystem::path& file, const torch::Tensor& picture) {
  const std::vector<std::uint8_t> png = encode_png(picture);
  write_text(file, std::string_view(reinterpret_cast<const char*>(png.data()), png.size()));
}

}  // namespace pgan::report
