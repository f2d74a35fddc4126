#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstring>

#include <png.h>

#include "core/error.h"
#include "data/decoded.h"
#include "data/exif.h"

namespace pgan::data {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// Largest ancillary chunk: profiles of printers take about 2 MB.
constexpr png_alloc_size_t kMaxChunkBytes = 8'000'000;

/// One libpng decoder on bytes in memory. Errors leave libpng by longjmp into guarded().
class PngReader {
 public:
  PngReader(Bytes bytes, const std::string& name, bool strict)
      : bytes_(bytes), name_(name), strict_(strict) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, fail, warn);
    info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, &info_, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  /// Apart from the constructor, whose failure would leave libpng's structures behind.
  void read_header() {
    guarded([&] {
      png_set_read_fn(png_, this, read);
      png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_size() limits
      png_set_chunk_malloc_max(png_, kMaxChunkBytes);
      // Texts are of no use here, and may be compressed a thousandfold.
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER,
                                  reinterpret_cast<png_const_bytep>("tEXt\0zTXt\0iTXt\0sPLT"), 4);
      png_read_info(png_, info_);
    });
  }

  png_structp png() const { return png_; }
  png_infop info() const { return info_; }

  /// Runs libpng calls. `call` must own nothing.
  template <class Call>
  void guarded(Call call) {
    if (setjmp(png_jmpbuf(png_)) != 0) {
      throw DataError(name_ + (ended_ ? ": truncated PNG: the file ends before the picture does; "
                                        "fetch it again"
                                      : std::string(": damaged PNG: ") + message_));
    }
    call();
  }

  void read_rows(std::uint8_t* out, std::size_t row_bytes, std::int64_t rows) {
    guarded([&] {
      const int passes = png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
      if (png_get_rowbytes(png_, info_) != row_bytes) png_error(png_, "unexpected row size");
      for (int pass = 0; pass < passes; ++pass) {
        for (std::int64_t y = 0; y < rows; ++y) {
          png_read_row(png_, out + static_cast<std::size_t>(y) * row_bytes, nullptr);
        }
      }
      png_read_end(png_, info_);
    });
  }

  ColourProfile colours() {
    ColourProfile out;
    out.grey = (png_get_color_type(png_, info_) & PNG_COLOR_MASK_COLOR) == 0;
    png_charp title = nullptr;
    png_bytep data = nullptr;
    png_uint_32 size = 0;
    int method = 0, intent = 0;
    double* c = out.chroma;
    if (png_get_iCCP(png_, info_, &title, &method, &data, &size) != 0) {
      out.icc.assign(data, data + size);
    } else if (png_get_sRGB(png_, info_, &intent) == 0 &&
               png_get_gAMA(png_, info_, &out.gamma) != 0) {
      png_get_cHRM(png_, info_, c, c + 1, c + 2, c + 3, c + 4, c + 5, c + 6, c + 7);
    }
    return out;
  }

  int orientation() {
    png_uint_32 size = 0;
    png_bytep data = nullptr;
    if (png_get_eXIf_1(png_, info_, &size, &data) == 0 || data == nullptr) return 1;
    return exif_orientation({data, size});
  }

 private:
  static void read(png_structp png, png_bytep out, std::size_t count) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > self->bytes_.size()) {
      self->ended_ = true;
      png_error(png, "end of file");
    }
    std::memcpy(out, self->bytes_.data(), count);
    self->bytes_ = self->bytes_.subspan(count);
  }
  [[noreturn]] static void fail(png_structp png, png_const_charp text) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::strncpy(self->message_, text, sizeof(self->message_) - 1);
    png_longjmp(png, 1);
  }
  static void warn(png_structp png, png_const_charp text) {
    const auto* self = static_cast<const PngReader*>(png_get_error_ptr(png));
    // Those about the compressed pixels (a checksum that is wrong) are damage; others concern what
    // is not used or replaced.
    if (self->strict_ || std::strncmp(text, "IDAT", 4) == 0) fail(png, text);
  }

  Bytes bytes_;
  const std::string& name_;
  bool strict_;
  bool ended_ = false;
  char message_[128] = "";
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

/// deflate cannot shrink more than this (zlib's technical notes): a file that declares more pixels
/// than it can hold is refused before they are allocated.
constexpr std::uint64_t kMaxDeflateRatio = 1032;

void check_plausible(PngReader& reader, Bytes bytes, const std::string& name) {
  const std::uint64_t packed = png_get_rowbytes(reader.png(), reader.info());
  const std::uint64_t height = png_get_image_height(reader.png(), reader.info());
  if (packed * height / kMaxDeflateRatio > bytes.size()) {
    throw DataError(name + ": damaged PNG: " + std::to_string(bytes.size()) +
                    " bytes cannot hold the pixels it declares");
  }
}

}  // namespace

Decoded decode_png(Bytes bytes, const std::string& name, const DecodeOptions& options) {
  PngReader reader(bytes, name, false);
  reader.read_header();
  png_structp png = reader.png();
  const std::int64_t width = png_get_image_width(png, reader.info());
  const std::int64_t height = png_get_image_height(png, reader.info());
  check_size(width, height, name, options);
  check_plausible(reader, bytes, name);
  const bool deep = png_get_bit_depth(png, reader.info()) == 16;
  Decoded out;
  out.colours = reader.colours();
  reader.guarded([&] {
    png_set_expand(png);
    png_set_gray_to_rgb(png);
    if (deep && std::endian::native == std::endian::little) png_set_swap(png);
  });
  const bool alpha = (png_get_color_type(png, reader.info()) & PNG_COLOR_MASK_ALPHA) != 0 ||
                     png_get_valid(png, reader.info(), PNG_INFO_tRNS) != 0;
  const int channels = alpha ? 4 : 3;
  out.pixels = torch::empty({height, width, channels}, deep ? torch::kInt16 : torch::kUInt8);
  reader.read_rows(static_cast<std::uint8_t*>(out.pixels.data_ptr()),
                   static_cast<std::size_t>(width * channels * (deep ? 2 : 1)), height);
  out.orientation = reader.orientation();
  return out;
}

void decode_png_square(Bytes bytes, const std::string& name, std::int64_t resolution,
                       std::uint8_t* out) {
  PngReader reader(bytes, name, true);
  reader.read_header();
  const std::int64_t width = png_get_image_width(reader.png(), reader.info());
  const std::int64_t height = png_get_image_height(reader.png(), reader.info());
  if (width != resolution || height != resolution ||
      png_get_color_type(reader.png(), reader.info()) != PNG_COLOR_TYPE_RGB ||
      png_get_bit_depth(reader.png(), reader.info()) != 8) {
    throw DataError(name + ": expected an 8-bit RGB PNG of " + std::to_string(resolution) +
                    " pixels a side, found " + std::to_string(width) + "x" +
                    std::to_string(height));
  }
  reader.read_rows(out, static_cast<std::size_t>(resolution) * 3, resolution);
}

}  // namespace pgan::data
