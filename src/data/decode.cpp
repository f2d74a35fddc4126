#include "data/decode.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "data/mapped_file.h"
#include "data/picture_header.h"

namespace pgan::data {
namespace {

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 28;

cv::Mat decode_mat(std::span<const std::uint8_t> bytes, const std::string& name, int flags) {
  // The callers have threads of their own: OpenCV's would only fight them for the processors.
  static const bool once = (cv::setNumThreads(0), true);
  static_cast<void>(once);
  if (bytes.empty()) throw DataError(name + ": empty file, expected a picture");
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw DataError(name + ": more than 2 GiB, too large for a picture");
  }
  const cv::Mat raw(1, static_cast<int>(bytes.size()), CV_8U,
                    const_cast<std::uint8_t*>(bytes.data()));
  cv::Mat picture;
  try {
    picture = cv::imdecode(raw, flags);
  } catch (const cv::Exception& error) {
    throw DataError(name + ": cannot be decoded: " + error.err);
  }
  if (picture.empty()) {
    throw DataError(name + ": cannot be decoded: damaged, or not a picture of a known format");
  }
  return picture;
}

void check_header(const PictureHeader& header, const std::string& name) {
  if (header.width > 0 && header.height > kMaxPixels / header.width) {
    throw DataError(name + ": declares " + std::to_string(header.width) + "x" +
                    std::to_string(header.height) + " pixels, more than the 2^28 allowed");
  }
  if (!header.ended) throw DataError(name + ": truncated JPEG (no end marker)");
}

/// float32 copy in 0..255.
cv::Mat to_float(const cv::Mat& picture) {
  cv::Mat out;
  const double scale = picture.depth() == CV_16U ? 1.0 / 257.0 : picture.depth() == CV_8U ? 1 : 255;
  picture.convertTo(out, CV_32F, scale);
  return out;
}

/// BGRA of any depth over white, as 8-bit BGR (or float where it was deeper).
cv::Mat over_white(const cv::Mat& picture) {
  cv::Mat bgra = to_float(picture);
  cv::Mat out(bgra.size(), CV_32FC3);
  for (int y = 0; y < bgra.rows; ++y) {
    const auto* from = bgra.ptr<cv::Vec4f>(y);
    auto* to = out.ptr<cv::Vec3f>(y);
    for (int x = 0; x < bgra.cols; ++x) {
      const float alpha = from[x][3] / 255.0f;
      for (int c = 0; c < 3; ++c) to[x][c] = from[x][c] * alpha + 255.0f * (1.0f - alpha);
    }
  }
  if (picture.depth() == CV_8U) out.convertTo(out, CV_8U);
  return out;
}

cv::Mat decode_bgr(std::span<const std::uint8_t> bytes, const std::string& name) {
  const PictureHeader header = read_picture_header(bytes);
  check_header(header, name);
  const bool maybe_alpha = header.alpha || header.format == PictureFormat::unknown;
  if (maybe_alpha) {
    const cv::Mat raw = decode_mat(bytes, name, cv::IMREAD_UNCHANGED);
    if (raw.channels() == 4) return over_white(raw);
  }
  const cv::Mat picture = decode_mat(bytes, name, cv::IMREAD_COLOR | cv::IMREAD_ANYDEPTH);
  return picture.depth() == CV_8U ? picture : to_float(picture);
}

}  // namespace

torch::Tensor decode(std::span<const std::uint8_t> bytes, const std::string& name,
                     const DecodeOptions&) {
  const cv::Mat bgr = decode_bgr(bytes, name);
  if (static_cast<std::int64_t>(bgr.rows) * bgr.cols > kMaxPixels) {
    throw DataError(name + ": more than 2^28 pixels");
  }
  const bool deep = bgr.depth() == CV_32F;
  torch::Tensor out = torch::empty({bgr.rows, bgr.cols, 3}, deep ? torch::kFloat32 : torch::kUInt8);
  cv::Mat rgb(bgr.rows, bgr.cols, bgr.type(), out.data_ptr());
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  return out;
}

torch::Tensor decode_file(const std::filesystem::path& file, const DecodeOptions& options) {
  const MappedFile mapped(file);
  return decode(mapped.bytes(), file.string(), options);
}

void decode_square(std::span<const std::uint8_t> bytes, const std::string& name,
                   std::int64_t resolution, std::uint8_t* out) {
  const PictureHeader header = read_picture_header(bytes);
  if (header.width != resolution || header.height != resolution) {
    throw DataError(name + ": expected a PNG of " + std::to_string(resolution) + " pixels a side");
  }
  const cv::Mat bgr = decode_mat(bytes, name, cv::IMREAD_COLOR);
  if (bgr.rows != resolution || bgr.cols != resolution || bgr.type() != CV_8UC3) {
    throw DataError(name + ": the picture is not what its header says");
  }
  cv::Mat rgb(bgr.rows, bgr.cols, CV_8UC3, out);
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
}

}  // namespace pgan::data
