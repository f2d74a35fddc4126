#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

namespace pgan::data {

/// A regular file of at most 2 GiB, read whole: for pictures, where a copy costs less than a
/// mapping and a file that shrinks meanwhile is an error instead of a signal.
/// Throws DataError (not there, not a file, not readable, too large); an Error that is no DataError
/// when the fault is not the file's (too many open files, no memory, a stale mount).
std::vector<std::uint8_t> read_file_bytes(const std::filesystem::path& file);

}  // namespace pgan::data
