#include "report/event_file.h"

#include <bit>
#include <cstring>
#include <map>
#include <stdexcept>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/crc32c.h"
#include "report/scratch.h"

namespace pgan::report {
namespace {

template <class T>
T fixed(std::string_view bytes, std::size_t at) {
  T value;
  if (at + sizeof value > bytes.size()) throw std::out_of_range("truncated");
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// The payloads of a TFRecord file, both checksums of each compared.
std::vector<std::string> records_of(const std::string& file) {
  std::vector<std::string> records;
  for (std::size_t at = 0; at < file.size();) {
    const auto length = fixed<std::uint64_t>(file, at);
    EXPECT_EQ(fixed<std::uint32_t>(file, at + 8), masked_crc32c(file.substr(at, 8)));
    records.push_back(file.substr(at + 12, length));
    EXPECT_EQ(fixed<std::uint32_t>(file, at + 12 + length), masked_crc32c(records.back()));
    at += length + 16;
  }
  return records;
}

/// A protobuf message as field -> last value: numbers and raw 32 or 64 bits, or bytes.
using Value = std::variant<std::uint64_t, std::string>;
std::map<int, Value> parse(std::string_view bytes) {
  std::map<int, Value> fields;
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = fixed<std::uint8_t>(bytes, at++);
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.size()) {
    const std::uint64_t key = varint();
    Value& value = fields[static_cast<int>(key >> 3)];
    switch (key & 7) {
      case 0:
        value = varint();
        break;
      case 1:
        value = fixed<std::uint64_t>(bytes, at);
        at += 8;
        break;
      case 2: {
        const std::uint64_t length = varint();
        value = std::string(bytes.substr(at, length));
        at += length;
        break;
      }
      case 5:
        value = std::uint64_t{fixed<std::uint32_t>(bytes, at)};
        at += 4;
        break;
      default:
        throw std::runtime_error("wire type");
    }
  }
  return fields;
}

std::uint64_t number(const std::map<int, Value>& fields, int field) {
  return std::get<std::uint64_t>(fields.at(field));
}
std::string bytes(const std::map<int, Value>& fields, int field) {
  return std::get<std::string>(fields.at(field));
}
/// Summary.Value of an event.
std::map<int, Value> summary_of(const std::map<int, Value>& event) {
  return parse(bytes(parse(bytes(event, 5)), 1));
}

TEST(Crc32c, published_vectors) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);    // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);  // RFC 3720, B.4
}

TEST(EventFile, begins_as_tensorboard_files_do) {
  const Scratch scratch;
  const EventFile events(scratch.path());
  const std::string file = read(events.path());
  const unsigned char expected[] = {0x18, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22};
  ASSERT_GE(file.size(), 40u);
  EXPECT_EQ(std::memcmp(file.data(), expected, sizeof expected), 0);
  EXPECT_EQ(bytes(parse(records_of(file).at(0)), 3), "brain.Event:2");
  EXPECT_TRUE(events.path().filename().string().starts_with("events.out.tfevents."));
}

TEST(EventFile, scalars) {
  const Scratch scratch;
  EventFile events(scratch.path());
  events.scalar("loss/D", 12'000'000'000, -1.25);
  events.flush();
  const auto event = parse(records_of(read(events.path())).at(2));
  EXPECT_EQ(number(event, 2), 12'000'000'000u);
  EXPECT_GT(std::bit_cast<double>(number(event, 1)), 1.7e9);
  const auto value = summary_of(event);
  EXPECT_EQ(bytes(value, 1), "loss/D");
  EXPECT_EQ(number(value, 2), 0xBFA00000u);  // -1.25 as IEEE 754 binary32
}

TEST(EventFile, images) {
  const Scratch scratch;
  EventFile events(scratch.path());
  const std::vector<std::uint8_t> png(300, 7);
  events.image("fakes", 600, png, 130, 66);
  events.flush();
  const auto value = summary_of(parse(records_of(read(events.path())).at(2)));
  EXPECT_EQ(bytes(value, 1), "fakes");
  const auto image = parse(bytes(value, 4));
  EXPECT_EQ(number(image, 1), 66u);
  EXPECT_EQ(number(image, 2), 130u);
  EXPECT_EQ(number(image, 3), 3u);
  EXPECT_EQ(bytes(image, 4), std::string(300, 7));
}

TEST(EventFile, text) {
  const Scratch scratch;
  EventFile events(scratch.path());
  events.text("config", 0, "| a | b |");
  events.flush();
  const auto value = summary_of(parse(records_of(read(events.path())).at(2)));
  EXPECT_EQ(bytes(parse(bytes(parse(bytes(value, 9)), 1)), 1), "text");
  const auto tensor = parse(bytes(value, 8));
  EXPECT_EQ(number(tensor, 1), 7u);  // DT_STRING
  EXPECT_EQ(bytes(tensor, 8), "| a | b |");
}

TEST(EventFile, a_session_purges_what_came_after_its_checkpoint) {
  const Scratch scratch;
  const EventFile events(scratch.path(), 4000);
  const auto event = parse(records_of(read(events.path())).at(1));
  EXPECT_EQ(number(event, 2), 4001u);  // a START purges its own step too
  EXPECT_EQ(number(parse(bytes(event, 7)), 1), 1u);
}

TEST(EventFile, a_later_session_is_read_later) {
  const Scratch scratch;
  write_text(scratch / "events.out.tfevents.4000000000.elsewhere.1", "");
  const EventFile first(scratch.path());
  const EventFile second(scratch.path(), 10);
  EXPECT_EQ(first.path().filename().string().substr(20, 11), "4000000001.");
  EXPECT_EQ(second.path().filename().string().substr(20, 11), "4000000002.");
}

TEST(EventFile, full_disk_leaves_whole_records) {
  const Scratch scratch;
  EventFile events(scratch.path());
  const std::string before = read(events.path());
  {
    const FileSizeLimit limit(before.size() + 20);
    events.scalar("loss", 1, 2);
    EXPECT_THROW(events.flush(), DataError);
  }
  EXPECT_EQ(read(events.path()), before);
}

TEST(EventFile, bad_place_is_a_usage_error) {
  const Scratch scratch;
  EXPECT_THROW(EventFile(scratch / "missing"), ConfigError);
}

}  // namespace
}  // namespace pgan::report
