#include "report/sheet.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

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

using Lines = std::vector<std::string>;

constexpr std::int64_t kReadableCell = 64, kRowTitleWidth = 160, kHeadingLines = 3, kTitleLines = 3;
constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX, kCapital = 8, kDescent = 4, kMargin = 2;
constexpr int kLine = kCapital + kDescent + 2;  // of text, in pixels

double font_scale() {
  return cv::getFontScaleFromHeight(kFont, kCapital, 1);
}

std::int64_t width_of(const std::string& text) {
  return cv::getTextSize(text, kFont, font_scale(), 1, nullptr).width + 2 * kMargin;
}

// The font has no other letters. A character of UTF-8 becomes one mark.
std::string ascii(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool continues = byte >= 0x80 && byte < 0xC0 && i > 0 && (text[i - 1] & 0x80) != 0;
    if (!continues) out += byte >= ' ' && byte <= '~' ? text[i] : '?';
  }
  return out;
}

std::string shortened(const std::string& text, std::int64_t width) {
  std::string kept = text, shown = text;
  while (!kept.empty() && width_of(shown) > width) kept.pop_back(), shown = kept + "..";
  return kept.empty() ? "" : shown;
}

// At most `most` lines, each within the width; broken behind marks where there are any.
Lines broken(const std::string& text, std::int64_t width, std::int64_t most) {
  Lines lines;
  for (std::string rest = ascii(text); !rest.empty();) {
    std::size_t cut = rest.size();
    while (cut > 0 && width_of(rest.substr(0, cut)) > width) --cut;
    const bool last = std::ssize(lines) + 1 >= most;
    if (last || cut == 0 || cut == rest.size()) {
      lines.push_back(shortened(rest, width));
      return lines;
    }
    const std::size_t mark = rest.find_last_of("_ ,-/", cut - 1);
    if (mark != std::string::npos) cut = mark + 1;
    lines.push_back(rest.substr(0, cut));
    rest.erase(0, cut);
  }
  return lines;
}

std::vector<Lines> broken_each(const std::vector<std::string>& texts, std::int64_t width,
                               std::int64_t most) {
  std::vector<Lines> each;
  for (const std::string& text : texts) each.push_back(broken(text, width, most));
  return each;
}

std::int64_t most_lines(const std::vector<Lines>& texts) {
  std::size_t most = 0;
  for (const Lines& lines : texts) most = std::max(most, lines.size());
  return static_cast<std::int64_t>(most);
}

std::int64_t widest(const std::vector<Lines>& texts) {
  std::int64_t width = 0;
  for (const Lines& lines : texts) {
    for (const std::string& line : lines) width = std::max(width, width_of(line));
  }
  return width;
}

/// A part of a sheet, in pixels.
struct Box {
  std::int64_t left = 0, top = 0, width = 0, height = 0;
};

// Nothing is drawn outside of the box. Centred in its width unless `at_left`, at its bottom.
void draw(torch::Tensor& sheet, const Box& box, const Lines& lines, bool at_left) {
  cv::Mat whole(static_cast<int>(sheet.size(0)), static_cast<int>(sheet.size(1)), CV_8UC3,
                sheet.data_ptr<std::uint8_t>());
  cv::Mat part = whole(cv::Rect(static_cast<int>(box.left), static_cast<int>(box.top),
                                static_cast<int>(box.width), static_cast<int>(box.height)));
  int baseline = part.rows - kDescent - 1 - static_cast<int>(std::ssize(lines) - 1) * kLine;
  for (const std::string& line : lines) {
    const int spare = part.cols - static_cast<int>(width_of(line));
    cv::putText(part, line, {kMargin + (at_left ? 0 : spare / 2), baseline}, kFont, font_scale(),
                cv::Scalar::all(255), 1, cv::LINE_AA);
    baseline += kLine;
  }
}

bool any_text(const std::vector<std::string>& texts) {
  return std::ranges::any_of(texts, [](const std::string& text) { return !text.empty(); });
}

/// Where the cells of a sheet lie, and the texts around them.
class Layout {
 public:
  Layout(const torch::Tensor& images, const GridOptions& options) : gap_(options.gap_pixels) {
    const std::int64_t count = images.size(0), height = images.size(2), width = images.size(3);
    const std::int64_t wanted = options.columns == 0 ? columns_for(count) : options.columns;
    columns_ = std::min(count, wanted);
    rows_ = (count + columns_ - 1) / columns_;
    require(std::ssize(options.headings) <= wanted && std::ssize(options.row_titles) <= rows_,
            "make_grid: more headings than columns, or row titles than rows");
    const std::int64_t least = any_text(options.headings)
                                   ? std::max(options.min_cell_pixels, kReadableCell)
                                   : options.min_cell_pixels;
    const std::int64_t smaller = std::min(height, width);
    factor_ = std::max<std::int64_t>(1, (least + smaller - 1) / smaller);
    height_ = height * factor_, width_ = width * factor_;

    headings_ = broken_each(options.headings, width_, kHeadingLines);
    headings_.resize(static_cast<std::size_t>(columns_));
    row_titles_ =
        broken_each(options.row_titles, kRowTitleWidth, std::max<std::int64_t>(1, height_ / kLine));
    left_ = widest(row_titles_);
    const std::int64_t across = left_ + columns_ * (width_ + gap_) + gap_;
    title_ = broken(options.title, across, kTitleLines);
    title_height_ = title_.empty() ? 0 : std::ssize(title_) * kLine + kMargin;
    top_ = title_height_ + most_lines(headings_) * kLine;
  }

  std::int64_t factor() const { return factor_; }

  Box cell(std::int64_t index) const {
    return {left_ + index % columns_ * (width_ + gap_) + gap_,
            top_ + index / columns_ * (height_ + gap_) + gap_, width_, height_};
  }

  /// All black but for the texts.
  torch::Tensor empty_sheet() const {
    const std::int64_t down = top_ + rows_ * (height_ + gap_) + gap_;
    const std::int64_t across = left_ + columns_ * (width_ + gap_) + gap_;
    auto sheet = torch::zeros({down, across, 3}, torch::kUInt8);
    if (title_height_ > 0) draw(sheet, {0, 0, across, title_height_}, title_, true);
    for (std::int64_t i = 0; i < columns_ && top_ > title_height_; ++i) {
      const Box above{cell(i).left, title_height_, width_, top_ - title_height_};
      draw(sheet, above, headings_[static_cast<std::size_t>(i)], false);
    }
    for (std::int64_t i = 0; i < std::ssize(row_titles_) && left_ > 0; ++i) {
      const Lines& lines = row_titles_[static_cast<std::size_t>(i)];
      const std::int64_t text = std::min(height_, std::ssize(lines) * kLine);
      draw(sheet, {0, cell(i * columns_).top + (height_ - text) / 2, left_, text}, lines, true);
    }
    return sheet;
  }

 private:
  std::int64_t gap_, columns_ = 0, rows_ = 0, factor_ = 1;
  std::int64_t height_ = 0, width_ = 0;  // of a cell
  std::int64_t left_ = 0, top_ = 0, title_height_ = 0;
  std::vector<Lines> headings_, row_titles_;
  Lines title_;
};

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
  const Layout layout(images, options);
  const std::int64_t factor = layout.factor();
  const auto cells = to_bytes(images).repeat_interleave(factor, 1).repeat_interleave(factor, 2);
  auto sheet = layout.empty_sheet();
  for (std::int64_t i = 0; i < images.size(0); ++i) {
    const Box box = layout.cell(i);
    sheet.narrow(0, box.top, box.height).narrow(1, box.left, box.width).copy_(cells[i]);
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
