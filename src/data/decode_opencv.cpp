#include <algorithm>
#include <iostream>
#include <streambuf>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "data/decoded.h"
#include "data/exif.h"
#include "data/picture_header.h"

namespace pgan::data {
namespace {

/// Whether this thread is inside OpenCV.
thread_local bool inside_opencv = false;

/// std::cerr's buffer, deaf to threads inside OpenCV: its decoders' failures are written there
/// whatever its log level says, and here exceptions alone tell them.
class DeafBuffer : public std::streambuf {
 public:
  explicit DeafBuffer(std::streambuf* behind) : behind_(behind) {}

 protected:
  int_type overflow(int_type letter) override {
    if (inside_opencv || traits_type::eq_int_type(letter, traits_type::eof())) {
      return traits_type::not_eof(letter);
    }
    return behind_->sputc(traits_type::to_char_type(letter));
  }
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    return inside_opencv ? count : behind_->sputn(text, count);
  }
  int sync() override { return inside_opencv ? 0 : behind_->pubsync(); }

 private:
  std::streambuf* behind_;
};

void quiet_opencv() {
  static const bool once = [] {
    // The callers have threads of their own: OpenCV's would only fight them for the processors.
    cv::setNumThreads(0);
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    cv::redirectError([](int, const char*, const char*, const char*, int, void*) { return 0; });
    return true;
  }();
  static_cast<void>(once);
}

/// Before main(), when no thread can be writing. Never deleted: std::cerr may be written to until
/// the process has ended.
[[maybe_unused]] const auto* const deaf_buffer = [] {
  auto* buffer = new DeafBuffer(std::cerr.rdbuf());
  std::cerr.rdbuf(buffer);
  return buffer;
}();

class InsideOpenCv {
 public:
  InsideOpenCv() { inside_opencv = true; }
  ~InsideOpenCv() { inside_opencv = false; }
  InsideOpenCv(const InsideOpenCv&) = delete;
  InsideOpenCv& operator=(const InsideOpenCv&) = delete;
};

cv::Mat decode_mat(std::span<const std::uint8_t> bytes, const std::string& name) {
  quiet_opencv();
  const cv::Mat raw(1, static_cast<int>(bytes.size()), CV_8U,
                    const_cast<std::uint8_t*>(bytes.data()));
  cv::Mat picture;
  try {
    const InsideOpenCv quiet;
    picture = cv::imdecode(raw, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception& error) {
    throw DataError(name + ": cannot be decoded: " + error.err);
  }
  if (picture.empty())
    throw DataError(name +
                    ": damaged or truncated, or of a kind that OpenCV does not read; fetch it "
                    "again or convert it to PNG");
  return picture;
}

/// OpenCV's order and depths to Decoded's.
torch::Tensor to_pixels(const cv::Mat& picture, const std::string& name) {
  const int channels = picture.channels() == 4 ? 4 : 3;
  const bool deep = picture.depth() == CV_16U;
  if (picture.depth() != CV_8U && !deep) {
    throw DataError(name + ": expected samples of 8 or 16 bits, found floats or wider ones");
  }
  static constexpr int kGrey = cv::COLOR_GRAY2RGB, kColour = cv::COLOR_BGR2RGB;
  const int code = picture.channels() == 1 ? kGrey : channels == 4 ? cv::COLOR_BGRA2RGBA : kColour;
  torch::Tensor out =
      torch::empty({picture.rows, picture.cols, channels}, deep ? torch::kInt16 : torch::kUInt8);
  cv::Mat rgb(picture.rows, picture.cols, CV_MAKETYPE(picture.depth(), channels), out.data_ptr());
  cv::cvtColor(picture, rgb, code);
  return out;
}

/// A TIFF that says it is upright: some versions of OpenCV turn it and some do not.
std::vector<std::uint8_t> without_orientation(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  const TiffDirectory directory(bytes);
  const auto value = directory.block(kOrientationTag);
  const auto first = copy.begin() + (value.data() - bytes.data());
  std::fill_n(first, value.size(), std::uint8_t{0});
  first[directory.little_endian() ? 0 : static_cast<std::ptrdiff_t>(value.size()) - 1] = 1;
  return copy;
}

}  // namespace

Decoded decode_opencv(std::span<const std::uint8_t> bytes, const std::string& name,
                      const PictureHeader& header) {
  const bool tiff = header.format == PictureFormat::tiff;
  const bool turned = tiff && header.orientation != 1;
  const cv::Mat picture =
      turned ? decode_mat(without_orientation(bytes), name) : decode_mat(bytes, name);
  Decoded out;
  // libtiff multiplies 8-bit colours by their alpha; deeper ones come as they are stored.
  out.premultiplied = tiff && (picture.depth() == CV_8U || header.associated_alpha);
  out.pixels = to_pixels(picture, name);
  out.orientation = header.orientation;
  out.colours.icc.assign(header.colour_profile.begin(), header.colour_profile.end());
  out.colours.grey = picture.channels() == 1;
  return out;
}

}  // namespace pgan::data
