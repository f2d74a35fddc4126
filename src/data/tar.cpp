#include "data/tar.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "core/error.h"

namespace pgan::data {
namespace {

constexpr std::uint64_t kBlock = TarWriter::kBlock;
constexpr std::size_t kNameBytes = 100, kSizeAt = 124, kSizeBytes = 12, kSumAt = 148, kSumBytes = 8;
constexpr std::size_t kTypeAt = 156, kMagicAt = 257, kPrefixAt = 345;
using Header = std::array<std::uint8_t, kBlock>;

/// Sum of the header's bytes with the checksum field taken as spaces (POSIX.1-1988).
unsigned header_sum(std::span<const std::uint8_t> header) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    sum += i >= kSumAt && i < kSumAt + kSumBytes ? ' ' : header[i];
  }
  return sum;
}

void put(Header& header, std::size_t at, const char* text) {
  std::memcpy(header.data() + at, text, std::strlen(text));
}

Header make_header(const std::string& name, std::uint64_t bytes) {
  Header header{};
  put(header, 0, name.c_str());
  put(header, 100, "0000644");
  put(header, 108, "0000000");
  put(header, 116, "0000000");
  char field[16];
  std::snprintf(field, sizeof field, "%011llo", static_cast<unsigned long long>(bytes));
  put(header, kSizeAt, field);
  put(header, 136, "00000000000");
  header[kTypeAt] = '0';
  put(header, kMagicAt, "ustar");
  put(header, kMagicAt + 6, "00");
  std::snprintf(field, sizeof field, "%06o", header_sum(header));
  put(header, kSumAt, field);
  header[kSumAt + 7] = ' ';
  return header;
}

std::uint64_t parse_octal(std::span<const std::uint8_t> field, const std::string& name) {
  std::uint64_t value = 0;
  bool any = false;
  for (const std::uint8_t c : field) {
    if (c == 0 || (c == ' ' && any)) break;
    if (c == ' ') continue;
    if (c < '0' || c > '7')
      throw DataError(name + ": a tar header holds a number that is not octal");
    value = value * 8 + (c - '0');
    any = true;
  }
  return value;
}

std::string text_field(std::span<const std::uint8_t> field) {
  const auto end = std::find(field.begin(), field.end(), std::uint8_t{0});
  return std::string(field.begin(), end);
}

}  // namespace

TarWriter::TarWriter(const std::filesystem::path& file) : out_(file) {}

std::uint64_t TarWriter::add(const std::string& name, std::span<const std::uint8_t> bytes) {
  if (name.empty() || name.size() > kNameBytes || bytes.size() >= (std::uint64_t{1} << 33)) {
    throw DataError("tar: '" + name + "' is too long a name or too large a file for an ustar");
  }
  out_.write(make_header(name, bytes.size()));
  const std::uint64_t offset = out_.bytes();
  out_.write(bytes);
  static constexpr Header kZeros{};
  out_.write(std::span(kZeros).first(tar_padded(bytes.size()) - bytes.size()));
  return offset;
}

std::string TarWriter::finish(bool durable) {
  out_.write(Header{});
  out_.write(Header{});
  return out_.finish(durable);
}

TarStep read_tar_header(std::span<const std::uint8_t> tar, std::uint64_t at,
                        const std::string& name) {
  if (tar.size() < kBlock || at > tar.size() - kBlock) {
    throw DataError(name + ": truncated: the tar ends without its end marker");
  }
  const auto header = tar.subspan(at, kBlock);
  if (std::all_of(header.begin(), header.end(), [](std::uint8_t c) { return c == 0; })) return {};
  if (parse_octal(header.subspan(kSumAt, kSumBytes), name) != header_sum(header)) {
    throw DataError(name + ": damaged tar header at byte " + std::to_string(at));
  }
  const std::uint64_t bytes = parse_octal(header.subspan(kSizeAt, kSizeBytes), name);
  at += kBlock;
  if (bytes > tar.size() - at || tar_padded(bytes) > tar.size() - at) {
    throw DataError(name + ": truncated: the file at byte " + std::to_string(at) + " should have " +
                    std::to_string(bytes) + " bytes");
  }
  const std::string prefix = text_field(header.subspan(kPrefixAt, 155));
  const std::string base = text_field(header.first(kNameBytes));
  TarEntry entry{prefix.empty() ? base : prefix + "/" + base, at, bytes};
  return {std::move(entry), header[kTypeAt] == '0' || header[kTypeAt] == 0, at + tar_padded(bytes)};
}

std::vector<TarEntry> read_tar(std::span<const std::uint8_t> tar, const std::string& name) {
  std::vector<TarEntry> entries;
  for (TarStep step = read_tar_header(tar, 0, name); step.entry;
       step = read_tar_header(tar, step.next, name)) {
    if (step.regular) entries.push_back(std::move(*step.entry));
  }
  return entries;
}

}  // namespace pgan::data
