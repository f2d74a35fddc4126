#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "data/decoded.h"
#include "data/exif.h"
#include "data/jpeg_errors.h"

namespace pgan::data {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// A progressive picture of many empty scans takes minutes for a few kilobytes; real ones have
/// about ten.
constexpr int kMaxScans = 100;

/// One libjpeg decompressor on bytes in memory.
class JpegReader {
 public:
  JpegReader(Bytes bytes, const std::string& name, bool strict) : errors_(name, strict) {
    info_.err = errors_.manager();
    if (bytes.empty()) throw DataError(name + ": empty file, expected a picture");
    errors_.guarded([&] {
      jpeg_create_decompress(&info_);
      jpeg_mem_src(&info_, bytes.data(), static_cast<unsigned long>(bytes.size()));
      info_.progress = &progress_;
    });
    progress_.progress_monitor = limit_scans;
  }
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  jpeg_decompress_struct& info() { return info_; }

  void read_header(bool markers) {
    errors_.guarded([&] {
      if (markers) {
        jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);
        jpeg_save_markers(&info_, JPEG_APP0 + 2, 0xFFFF);
      }
      jpeg_read_header(&info_, TRUE);
    });
  }

  /// Works out output_width and so on from the settings in info().
  void plan() {
    errors_.guarded([&] { jpeg_calc_output_dimensions(&info_); });
  }

  void read_rows(std::uint8_t* out, std::size_t row_bytes) {
    errors_.guarded([&] {
      jpeg_start_decompress(&info_);
      while (info_.output_scanline < info_.output_height) {
        JSAMPROW rows[16];
        const JDIMENSION left = info_.output_height - info_.output_scanline;
        const JDIMENSION count = std::min<JDIMENSION>(std::size(rows), left);
        for (JDIMENSION i = 0; i < count; ++i) {
          rows[i] = out + (info_.output_scanline + i) * row_bytes;
        }
        jpeg_read_scanlines(&info_, rows, count);
      }
      jpeg_finish_decompress(&info_);
    });
  }

  std::vector<std::uint8_t> icc_profile() {
    JOCTET* data = nullptr;
    unsigned int size = 0;
    errors_.guarded([&] { jpeg_read_icc_profile(&info_, &data, &size); });
    std::vector<std::uint8_t> out;
    if (data != nullptr) out.assign(data, data + size);
    std::free(data);
    return out;
  }

  int orientation() const {
    for (const auto* marker = info_.marker_list; marker != nullptr; marker = marker->next) {
      if (marker->marker != JPEG_APP0 + 1 || marker->data_length < 6) continue;
      if (std::memcmp(marker->data, "Exif\0", 6) != 0) continue;
      return exif_orientation({marker->data, marker->data_length});
    }
    return 1;
  }

 private:
  static void limit_scans(j_common_ptr info) {
    auto* decompress = reinterpret_cast<j_decompress_ptr>(info);
    if (decompress->input_scan_number <= kMaxScans) return;
    info->err->msg_code = JpegErrors::kTooManyScans;
    info->err->error_exit(info);
  }

  jpeg_decompress_struct info_{};
  jpeg_progress_mgr progress_{};
  JpegErrors errors_;
};

}  // namespace

Decoded decode_jpeg(Bytes bytes, const std::string& name, const DecodeOptions& options) {
  JpegReader reader(bytes, name, false);
  reader.read_header(true);
  auto& info = reader.info();
  check_size(info.image_width, info.image_height, name, options);
  if (info.num_components == 2 || info.num_components > 4) {
    throw DataError(name + ": a JPEG of " + std::to_string(info.num_components) +
                    " components, expected 1 (grey), 3 (colour) or 4 (CMYK)");
  }
  Decoded out;
  out.cmyk = info.num_components == 4;
  out.orientation = reader.orientation();
  out.colours.icc = reader.icc_profile();
  out.colours.grey = info.num_components == 1;
  info.out_color_space = out.cmyk ? JCS_CMYK : JCS_RGB;
  info.do_block_smoothing = FALSE;
  const int channels = out.cmyk ? 4 : 3;
  out.pixels = torch::empty({info.image_height, info.image_width, channels}, torch::kUInt8);
  reader.read_rows(out.pixels.mutable_data_ptr<std::uint8_t>(),
                   static_cast<std::size_t>(info.image_width) * static_cast<std::size_t>(channels));
  return out;
}

void decode_jpeg_square(Bytes bytes, const std::string& name, std::int64_t stored,
                        std::int64_t resolution, std::uint8_t* out) {
  JpegReader reader(bytes, name, true);
  reader.read_header(false);
  auto& info = reader.info();
  if (info.image_width != stored || info.image_height != stored || info.num_components != 3) {
    throw DataError(name + ": expected a colour JPEG of " + std::to_string(stored) +
                    " pixels a side, found " + std::to_string(info.image_width) + "x" +
                    std::to_string(info.image_height) + " of " +
                    std::to_string(info.num_components) + " components");
  }
  info.out_color_space = JCS_RGB;
  info.do_block_smoothing = FALSE;
  info.scale_num = static_cast<unsigned>(resolution);
  info.scale_denom = static_cast<unsigned>(stored);
  reader.plan();
  if (info.output_width != resolution || info.output_height != resolution) {
    throw Error(ExitCode::internal, "decode_jpeg_square: " + std::to_string(stored) +
                                        " pixels cannot be decoded at " +
                                        std::to_string(resolution));
  }
  reader.read_rows(out, static_cast<std::size_t>(resolution) * 3);
}

}  // namespace pgan::data
