#pragma once
#include <csetjmp>
#include <cstddef>
#include <cstdio>  // jpeglib.h needs it before it
#include <string>

#include <jpeglib.h>

#include "core/error.h"

namespace pgan::data {

/// libjpeg's error manager of one picture: libjpeg neither prints nor exits; what it reports as an
/// error, or as a warning that means damage, becomes a DataError of guarded().
class JpegErrors {
 public:
  /// A message code of ours, beside libjpeg's: a progressive picture of too many scans.
  static constexpr int kTooManyScans = 10'000;

  /// strict: any warning is damage; else those that say nothing about the pixels are passed over.
  JpegErrors(std::string name, bool strict);
  JpegErrors(const JpegErrors&) = delete;
  JpegErrors& operator=(const JpegErrors&) = delete;

  /// For the err member of a libjpeg structure; lives as long as this.
  jpeg_error_mgr* manager() { return &state_.base; }

  /// Runs libjpeg calls. `call` must own nothing: an error leaves it by longjmp.
  template <class Call>
  void guarded(Call call) {
    if (setjmp(state_.jump) != 0) throw DataError(name_ + ": " + reason());
    call();
  }

 private:
  struct State {
    jpeg_error_mgr base;  // first: libjpeg hands back its address
    std::jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
    bool strict;
  };
  static void leave(j_common_ptr info);
  static void warn(j_common_ptr info, int level);
  static bool is_damage(j_common_ptr info, bool strict);
  std::string reason() const;

  State state_;
  std::string name_;
};

}  // namespace pgan::data
