#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "report/files.h"

namespace pgan::report {

/// TensorBoard events, `events.out.tfevents.<seconds>.<host>.<pid>`, one file a session.
///
/// step is the x-axis: images shown (Progress::images). Records are buffered until flush(), 1 MiB
/// or destruction. Not thread-safe. Throws ConfigError or DataError as files.h says.
class EventFile {
 public:
  /// folder: exists. resume_images: Progress::images of the checkpoint resumed from; events of
  /// earlier sessions past it are purged from the curves (a SessionLog START). -1: a fresh run,
  /// which purges all of what an earlier run left in the folder.
  explicit EventFile(const std::filesystem::path& folder, std::int64_t resume_images = -1);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  void scalar(std::string_view tag, std::int64_t step, double value);
  /// png: an encoded RGB image of width x height pixels.
  void image(std::string_view tag, std::int64_t step, std::span<const std::uint8_t> png,
             std::int64_t width, std::int64_t height);
  /// text: Markdown, UTF-8.
  void text(std::string_view tag, std::int64_t step, std::string_view text);
  void flush();
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  void add_value(std::int64_t step, std::string_view value);
  void add_event(std::int64_t step, int field, std::string_view message);

  AppendFile file_;
  std::string buffer_;
};

}  // namespace pgan::report
