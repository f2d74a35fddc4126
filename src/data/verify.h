#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/pack.h"

namespace pgan::data {

/// Reads all of a pack: checksums of all files, the tars against the indexes, the pictures of the
/// encoded levels by decoding. Returns one line a fault, none when the pack is whole.
/// report: files done, of all.
std::vector<std::string> verify_pack(const Pack& pack,
                                     const std::function<void(std::int64_t, std::int64_t)>& report);

}  // namespace pgan::data
