#include "core/file_error.h"

#include <cerrno>
#include <string>

#include "core/error.h"

namespace pgan {
namespace {

bool is_bad_place(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return true;
    default:
      return false;
  }
}

}  // namespace

void throw_file_error(std::string_view doing, const std::filesystem::path& file, int error_number) {
  const std::string message =
      std::string(doing) + " " + file.string() + ": " + errno_text(error_number);
  if (is_bad_place(error_number)) {
    throw ConfigError(message + "; check the path and its permissions, or give another one");
  }
  const bool full = error_number == ENOSPC || error_number == EDQUOT;
  throw DataError(message + (full ? "; free some space, then run the same command again"
                                  : "; check the disk, then run the same command again"));
}

}  // namespace pgan
