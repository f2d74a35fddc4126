#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <zlib.h>

#include "data/fixtures.h"

namespace pgan::data {

/// Files of one byte, with their folders.
inline void touch(const TempFolder& folder, std::initializer_list<std::string> names) {
  for (const std::string& name : names) {
    fs::create_directories((folder / name).parent_path());
    write_text(folder / name, "x");
  }
}

/// A picture of one row, two pixels: its left and its right colour.
inline std::string tiny_ppm(char left, char right) {
  return "P6\n2 1\n255\n" + std::string(3, left) + std::string(3, right);
}

inline std::vector<std::string> keys_of(const Listing& listing) {
  std::vector<std::string> keys;
  for (const Source& source : listing.sources) keys.push_back(source.key);
  return keys;
}

/// "key: reason" of each.
inline std::vector<std::string> skipped_of(const Listing& listing) {
  std::vector<std::string> texts;
  for (const Skipped& skipped : listing.skipped) {
    texts.push_back(skipped.key + ": " + skipped.reason);
  }
  return texts;
}

inline std::vector<Split> splits_of(const Listing& listing) {
  std::vector<Split> splits;
  for (const Source& source : listing.sources) splits.push_back(source.split);
  return splits;
}

inline std::int64_t count_split(const Listing& listing, Split split) {
  return std::count_if(listing.sources.begin(), listing.sources.end(),
                       [&](const Source& source) { return source.split == split; });
}

inline std::string gzipped(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// `bytes` low bytes of a number, big-endian or little-endian.
inline std::string number_be(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xFF);
  return out;
}
inline std::string number_le(std::uint64_t value, int bytes) {
  std::string out = number_be(value, bytes);
  return {out.rbegin(), out.rend()};
}

}  // namespace pgan::data
