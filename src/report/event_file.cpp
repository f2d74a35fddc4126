#include "report/event_file.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <chrono>
#include <system_error>
#include <utility>

#include "core/launcher.h"
#include "report/crc32c.h"
#include "report/format.h"

namespace pgan::report {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "events.out.tfevents.";
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

// Field numbers of tensorboard/compat/proto: event.proto, summary.proto, tensor.proto.
namespace event {
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
}
namespace session_log {
constexpr int kStatus = 1;
constexpr std::uint64_t kStart = 1;
}  // namespace session_log
namespace summary {
constexpr int kValue = 1, kTag = 1, kSimpleValue = 2, kImage = 4, kTensor = 8, kMetadata = 9;
}
namespace image_field {
constexpr int kHeight = 1, kWidth = 2, kColorspace = 3, kEncoded = 4;
constexpr std::uint64_t kRgb = 3;
}  // namespace image_field
namespace metadata {
constexpr int kPluginData = 1, kPluginName = 1, kDataClass = 4;
constexpr std::uint64_t kTensorClass = 2;
}  // namespace metadata
namespace tensor {
constexpr int kType = 1, kShape = 2, kStringValue = 8;
constexpr std::uint64_t kString = 7;
}  // namespace tensor

// Little-endian bytes of an integer, or of a float's bits.
template <class Unsigned>
void put_fixed(std::string& out, Unsigned value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

enum class Wire { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void put_key(std::string& out, int field, Wire wire) {
  put_varint(out, static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire));
}

void put_number(std::string& out, int field, std::uint64_t value) {
  put_key(out, field, Wire::varint);
  put_varint(out, value);
}

void put_bytes(std::string& out, int field, std::string_view bytes) {
  put_key(out, field, Wire::bytes);
  put_varint(out, bytes.size());
  out.append(bytes);
}

double wall_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

/// TensorBoard reads a folder's files in the order of their names, so this session's must be last
/// even when the clock has gone back or the last session began in this second.
std::string next_name(const fs::path& folder) {
  auto seconds = static_cast<std::int64_t>(wall_seconds());
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    std::int64_t earlier = 0;
    const char* end = name.data() + name.size();
    std::from_chars(name.data() + kPrefix.size(), end, earlier);
    if (earlier < 9'999'999'999) seconds = std::max(seconds, earlier + 1);
  }
  if (error) throw_file_error("cannot read the folder", folder, error.value());
  return std::string(kPrefix) +
         text_of("%010lld.%s.%d", static_cast<long long>(seconds), host_name().c_str(), ::getpid());
}

}  // namespace

EventFile::EventFile(const fs::path& folder, std::int64_t resume_images)
    : file_(folder / next_name(folder)) {
  add_event(0, event::kFileVersion, "brain.Event:2");
  std::string start;
  put_number(start, session_log::kStatus, session_log::kStart);
  // A START purges events of its own step too; those of the checkpoint's stay.
  add_event(resume_images + 1, event::kSessionLog, start);
  flush();
}

EventFile::~EventFile() {
  try {
    flush();
  } catch (...) {  // the caller's last flush() tells; a destructor must not
  }
}

void EventFile::scalar(std::string_view tag, std::int64_t step, double value) {
  std::string out;
  put_bytes(out, summary::kTag, tag);
  put_key(out, summary::kSimpleValue, Wire::fixed32);
  put_fixed(out, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
  add_value(step, out);
}

void EventFile::image(std::string_view tag, std::int64_t step, std::span<const std::uint8_t> png,
                      std::int64_t width, std::int64_t height) {
  std::string picture;
  put_number(picture, image_field::kHeight, static_cast<std::uint64_t>(height));
  put_number(picture, image_field::kWidth, static_cast<std::uint64_t>(width));
  put_number(picture, image_field::kColorspace, image_field::kRgb);
  put_bytes(picture, image_field::kEncoded,
            {reinterpret_cast<const char*>(png.data()), png.size()});
  std::string out;
  put_bytes(out, summary::kTag, tag);
  put_bytes(out, summary::kImage, picture);
  add_value(step, out);
}

void EventFile::text(std::string_view tag, std::int64_t step, std::string_view text) {
  std::string plugin, about, content, out;
  put_bytes(plugin, metadata::kPluginName, "text");
  put_bytes(about, metadata::kPluginData, plugin);
  put_number(about, metadata::kDataClass, metadata::kTensorClass);
  put_number(content, tensor::kType, tensor::kString);
  put_bytes(content, tensor::kShape, "");  // no dimensions: a scalar string
  put_bytes(content, tensor::kStringValue, text);
  put_bytes(out, summary::kTag, tag);
  put_bytes(out, summary::kTensor, content);
  put_bytes(out, summary::kMetadata, about);
  add_value(step, out);
}

void EventFile::add_value(std::int64_t step, std::string_view value) {
  std::string values;
  put_bytes(values, summary::kValue, value);
  add_event(step, event::kSummary, values);
  if (buffer_.size() >= kBufferBytes) flush();
}

void EventFile::add_event(std::int64_t step, int field, std::string_view message) {
  std::string record;
  put_key(record, event::kWallTime, Wire::fixed64);
  put_fixed(record, std::bit_cast<std::uint64_t>(wall_seconds()));
  if (step != 0) put_number(record, event::kStep, static_cast<std::uint64_t>(step));
  put_bytes(record, field, message);

  std::string length;
  put_fixed(length, static_cast<std::uint64_t>(record.size()));
  buffer_ += length;
  put_fixed(buffer_, masked_crc32c(length));
  buffer_ += record;
  put_fixed(buffer_, masked_crc32c(record));
}

void EventFile::flush() {
  if (buffer_.empty()) return;
  const std::string records = std::exchange(buffer_, {});
  file_.append(records);
}

}  // namespace pgan::report
