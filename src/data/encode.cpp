#include "data/encode.h"

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "data/output_file.h"

namespace pgan::data {
torch::Tensor to_interleaved(const torch::Tensor& image) {
  if (image.dim() != 3 || image.size(0) != 3 || image.scalar_type() != torch::kUInt8) {
    throw Error(ExitCode::internal, "encode: expected a uint8 tensor [3,H,W]");
  }
  return image.permute({1, 2, 0}).contiguous();
}

void write_image(const std::filesystem::path& file, const torch::Tensor& image) {
  const bool jpeg = file.extension() == ".jpg" || file.extension() == ".jpeg";
  replace_file(file, jpeg ? encode_jpeg(image, 95) : encode_png(image));
}

void draw_text(torch::Tensor& image, const std::string& text, int x, int y, int height,
               std::uint8_t grey) {
  const int width = static_cast<int>(image.size(2)), rows = static_cast<int>(image.size(1));
  cv::Mat ink = cv::Mat::zeros(rows, width, CV_8U);
  const double scale = cv::getFontScaleFromHeight(cv::FONT_HERSHEY_SIMPLEX, height, 1);
  cv::putText(ink, text, {x, y}, cv::FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv::LINE_AA);
  const auto weight =
      torch::from_blob(ink.data, {1, rows, width}, torch::kUInt8).to(torch::kFloat32);
  const auto mixed = image.to(torch::kFloat32)
                         .lerp(torch::full({1, 1, 1}, static_cast<float>(grey)), weight / 255.0);
  image.copy_(mixed.round().to(torch::kUInt8));
}

}  // namespace pgan::data
