#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <zlib.h>

#include "data/import_fixtures.h"

namespace pgan::data {

/// An entry as it shall stand in a zip, true or not.
struct ZipItem {
  std::string name, bytes = {};
  bool deflated = false;
  bool zip64 = false;
  std::uint32_t unix_mode = 0;
  std::uint16_t flags = 0;
  std::int64_t declared = -1;  ///< size to declare; -1: the true one
  bool wrong_checksum = false;
};

/// The zip's bytes, written by hand: libraries refuse to write hostile ones.
inline std::string make_zip(const std::vector<ZipItem>& items) {
  std::string out, directory;
  for (const ZipItem& item : items) {
    std::string stored = item.bytes;
    if (item.deflated) {
      // Without gzip's header of 10 bytes and its trailer of 8 it is what a zip holds.
      stored = gzipped(item.bytes);
      stored = stored.substr(10, stored.size() - 18);
    }
    std::uint32_t crc =
        static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(item.bytes.data()),
                                         static_cast<uInt>(item.bytes.size())));
    if (item.wrong_checksum) crc ^= 1;
    const auto size =
        item.declared >= 0 ? static_cast<std::uint64_t>(item.declared) : item.bytes.size();
    const std::string extra = item.zip64 ? number_le(1, 2) + number_le(16, 2) + number_le(size, 8) +
                                               number_le(stored.size(), 8)
                                         : "";
    const std::string sizes =
        item.zip64 ? std::string(8, '\xFF') : number_le(stored.size(), 4) + number_le(size, 4);
    const std::string common = number_le(item.zip64 ? 45 : 20, 2) + number_le(item.flags, 2) +
                               number_le(item.deflated ? 8 : 0, 2) + number_le(0x21, 2) +
                               number_le(0x5021, 2) + number_le(crc, 4) + sizes +
                               number_le(item.name.size(), 2) + number_le(extra.size(), 2);
    const std::uint64_t offset = out.size();
    out += "PK\3\4" + common + item.name + extra + stored;
    directory += "PK\1\2" + number_le(3 << 8 | 45, 2) + common + number_le(0, 2) + number_le(0, 2) +
                 number_le(0, 2) + number_le(std::uint64_t{item.unix_mode} << 16, 4) +
                 number_le(offset, 4) + item.name + extra;
  }
  const std::uint64_t start = out.size();
  out += directory;
  out += "PK\5\6" + number_le(0, 4) + number_le(items.size(), 2) + number_le(items.size(), 2) +
         number_le(directory.size(), 4) + number_le(start, 4) + number_le(0, 2);
  return out;
}

}  // namespace pgan::data
