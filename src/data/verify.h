#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace pgan::data {

/// Reads all of a pack in `threads` threads: the checksums of all files and of each picture, the
/// tars against the indexes, the encoded pictures by decoding them. Returns one line a fault, in
/// the order of levels and records, none when the pack is whole: each damaged picture by itself,
/// and files that are damaged elsewhere. Throws DataError when dataset.json itself is bad.
/// report: shards done, of all; from the calling thread.
std::vector<std::string> verify_pack(const std::filesystem::path& folder, std::int64_t threads,
                                     const std::function<void(std::int64_t, std::int64_t)>& report);

}  // namespace pgan::data
