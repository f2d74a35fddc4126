#pragma once
#include <filesystem>
#include <string_view>

namespace pgan {

/// Throws the error of a failed file call, one line: what, file, reason, remedy.
///
/// ConfigError where the user gave a bad place (permission, read-only, no such folder, not a
/// folder); DataError otherwise (disk full, quota, I/O error). doing: e.g. "cannot write".
[[noreturn]] void throw_file_error(std::string_view doing, const std::filesystem::path& file,
                                   int error_number);

}  // namespace pgan
