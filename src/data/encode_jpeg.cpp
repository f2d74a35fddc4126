#include <cstdlib>
#include <cstring>

#include "data/encode.h"
#include "data/jpeg_errors.h"

namespace pgan::data {
namespace {

/// One libjpeg compressor into memory.
class JpegWriter {
 public:
  JpegWriter() : errors_("a picture cannot be encoded as JPEG", true) {
    info_.err = errors_.manager();
    errors_.guarded([&] {
      jpeg_create_compress(&info_);
      jpeg_mem_dest(&info_, &bytes_, &size_);
    });
  }
  ~JpegWriter() {
    jpeg_destroy_compress(&info_);
    std::free(bytes_);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;

  void write(const std::uint8_t* pixels, JDIMENSION width, JDIMENSION height, int quality) {
    errors_.guarded([&] {
      info_.image_width = width;
      info_.image_height = height;
      info_.input_components = 3;
      info_.in_color_space = JCS_RGB;
      jpeg_set_defaults(&info_);
      jpeg_set_quality(&info_, quality, TRUE);
      const int chroma = quality >= kFullChromaQuality ? 1 : 2;
      info_.comp_info[0].h_samp_factor = info_.comp_info[0].v_samp_factor = chroma;
      jpeg_start_compress(&info_, TRUE);
      while (info_.next_scanline < height) {
        // libjpeg only reads the row; its type knows no const.
        JSAMPROW row = const_cast<JSAMPROW>(pixels + std::size_t{info_.next_scanline} * width * 3);
        jpeg_write_scanlines(&info_, &row, 1);
      }
      jpeg_finish_compress(&info_);
    });
  }

  std::vector<std::uint8_t> bytes() const { return {bytes_, bytes_ + size_}; }

 private:
  static constexpr int kFullChromaQuality = 96;

  jpeg_compress_struct info_{};
  unsigned char* bytes_ = nullptr;
  unsigned long size_ = 0;
  JpegErrors errors_;
};

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const torch::Tensor& image, int quality) {
  const torch::Tensor rows = to_interleaved(image);
  JpegWriter writer;
  writer.write(rows.const_data_ptr<std::uint8_t>(), static_cast<JDIMENSION>(rows.size(1)),
               static_cast<JDIMENSION>(rows.size(0)), quality);
  return writer.bytes();
}

}  // namespace pgan::data
