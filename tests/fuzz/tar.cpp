#include "data/tar.h"

#include "fuzz/targets.h"

namespace pgan::fuzz {
namespace {

constexpr std::size_t kSumAt = 148, kSumBytes = 8;

/// Puts the checksum of a header right, which a fuzzer would not find.
void put_right(std::span<std::uint8_t> header) {
  unsigned sum = kSumBytes * ' ';
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (i < kSumAt || i >= kSumAt + kSumBytes) sum += header[i];
  }
  for (std::size_t digit = 0; digit < kSumBytes; ++digit, sum >>= 3) {
    header[kSumAt + kSumBytes - 1 - digit] = static_cast<std::uint8_t>('0' + (sum & 7));
  }
}

}  // namespace

/// The first byte says whether the blocks' checksums are put right where they hold a header.
void read_tar(Bytes input) {
  if (input.empty()) return;
  std::vector<std::uint8_t> tar(input.begin() + 1, input.end());
  for (std::size_t at = 0; input[0] % 2 == 1 && at + data::TarWriter::kBlock <= tar.size();
       at += data::TarWriter::kBlock) {
    const std::span block = std::span(tar).subspan(at, data::TarWriter::kBlock);
    if (block[257] == 'u') put_right(block);
  }
  for (const data::TarEntry& entry : data::read_tar(tar, "tar")) {
    require(entry.offset <= tar.size() && entry.bytes <= tar.size() - entry.offset,
            "an entry lies in the archive");
  }
}

}  // namespace pgan::fuzz
