#include <csetjmp>
#include <cstring>
#include <new>

#include <png.h>

#include "core/error.h"
#include "data/encode.h"

namespace pgan::data {
namespace {

/// One libpng encoder into memory. Errors leave libpng by longjmp into guarded().
class PngWriter {
 public:
  PngWriter() {
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, this, fail, [](png_structp, auto) {});
    info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
    if (info_ != nullptr) return;
    png_destroy_write_struct(&png_, &info_);
    throw std::bad_alloc();
  }
  ~PngWriter() { png_destroy_write_struct(&png_, &info_); }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;

  void write(const std::uint8_t* pixels, png_uint_32 width, png_uint_32 height, int compression) {
    if (setjmp(png_jmpbuf(png_)) != 0) {
      throw DataError(std::string("a picture cannot be encoded as PNG: ") + message_);
    }
    png_set_write_fn(png_, this, append, [](png_structp) {});
    png_set_IHDR(png_, info_, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png_, compression);
    png_set_filter(png_, PNG_FILTER_TYPE_BASE, compression == 0 ? PNG_FILTER_NONE : kFilter);
    png_set_compression_strategy(png_, kStrategy);
    png_write_info(png_, info_);
    for (png_uint_32 y = 0; y < height; ++y) {
      png_write_row(png_, pixels + std::size_t{y} * width * 3);
    }
    png_write_end(png_, nullptr);
  }

  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  static constexpr int kFilter = PNG_FILTER_PAETH;
  static constexpr int kStrategy = 0;
  static void append(png_structp png, png_bytep data, std::size_t count) {
    auto* self = static_cast<PngWriter*>(png_get_io_ptr(png));
    try {
      self->bytes_.insert(self->bytes_.end(), data, data + count);
      return;
    } catch (const std::bad_alloc&) {
    }
    png_error(png, "out of memory");
  }
  [[noreturn]] static void fail(png_structp png, png_const_charp text) {
    auto* self = static_cast<PngWriter*>(png_get_error_ptr(png));
    std::strncpy(self->message_, text, sizeof(self->message_) - 1);
    png_longjmp(png, 1);
  }

  std::vector<std::uint8_t> bytes_;
  char message_[128] = "";
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

std::vector<std::uint8_t> encode_png(const torch::Tensor& image, int compression) {
  const torch::Tensor rows = to_interleaved(image);
  PngWriter writer;
  writer.write(rows.const_data_ptr<std::uint8_t>(), static_cast<png_uint_32>(rows.size(1)),
               static_cast<png_uint_32>(rows.size(0)), compression);
  return writer.take();
}

}  // namespace pgan::data
