#pragma once
#include <filesystem>
#include <string_view>

#include "core/file_error.h"

namespace pgan::report {

/// Replaces a file's contents atomically and durably: temporary file beside it, fsync, rename,
/// fsync of the folder. A reader sees the old or the new contents; a failure leaves the old file
/// and no temporary one. One writer a file. Throws as throw_file_error does.
void write_text(const std::filesystem::path& file, std::string_view text);

/// A file that only grows, by whole pieces. Not thread-safe.
class AppendFile {
 public:
  /// Creates the file or opens it at its end. Throws as throw_file_error does.
  explicit AppendFile(std::filesystem::path file);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  /// Writes all of the bytes or, when that fails, none: the file is cut back to where it was.
  void append(std::string_view bytes);
  const std::filesystem::path& path() const { return file_; }

 private:
  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace pgan::report
