#include "data/jpeg_errors.h"

#include <algorithm>
#include <utility>

#include <jerror.h>

namespace pgan::data {
namespace {

/// Whether the bytes that libjpeg skipped before a marker are only filling, as some cameras write
/// behind the last block.
bool skipped_padding(j_decompress_ptr info) {
  const auto count = static_cast<std::size_t>(std::max(0, info->err->msg_parm.i[0]));
  const JOCTET* end = info->src->next_input_byte;
  return count <= 4096 &&
         std::all_of(end - count, end, [](JOCTET byte) { return byte == 0 || byte == 0xFF; });
}

}  // namespace

JpegErrors::JpegErrors(std::string name, bool strict) : state_{}, name_(std::move(name)) {
  jpeg_std_error(&state_.base);
  state_.base.error_exit = leave;
  state_.base.emit_message = warn;
  state_.base.output_message = [](j_common_ptr) {};
  state_.strict = strict;
}

void JpegErrors::leave(j_common_ptr info) {
  auto* state = reinterpret_cast<State*>(info->err);
  state->base.format_message(info, state->message);
  std::longjmp(state->jump, 1);
}

void JpegErrors::warn(j_common_ptr info, int level) {
  if (level >= 0) return;  // a trace
  if (is_damage(info, reinterpret_cast<State*>(info->err)->strict)) leave(info);
}

bool JpegErrors::is_damage(j_common_ptr info, bool strict) {
  if (strict) return true;
  switch (info->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_BOGUS_ICC:
      return false;
    case JWRN_EXTRANEOUS_DATA: {
      auto* decompress = reinterpret_cast<j_decompress_ptr>(info);
      return decompress->input_scan_number > 0 && !skipped_padding(decompress);
    }
    default:
      return true;
  }
}

std::string JpegErrors::reason() const {
  switch (state_.base.msg_code) {
    case JWRN_JPEG_EOF:
    case JERR_INPUT_EOF:
    case JERR_INPUT_EMPTY:
      return "truncated JPEG: the file ends before the picture does; fetch it again";
    case JERR_BAD_PRECISION:
      return "a JPEG of " + std::to_string(state_.base.msg_parm.i[0]) +
             " bits a sample, and only 8 can be read; convert it to an 8-bit JPEG or a 16-bit PNG";
    case JERR_SOF_UNSUPPORTED:
      return "a lossless or hierarchical JPEG, which cannot be read; convert it to PNG";
    case kTooManyScans:
      return "a progressive JPEG of more than 100 scans, made to keep its reader busy";
    default:
      return std::string("damaged JPEG: ") + state_.message;
  }
}

}  // namespace pgan::data
