#pragma once
#include <cstdint>
#include <filesystem>

namespace pgan::data {

/// A folder that appears under its name only once it is whole.
///
/// Work goes to "<target>.partial-<pid>"; commit() renames it; without commit() the destructor
/// removes it.
class NewFolder {
 public:
  /// replace: an existing target that is a pack may be replaced at commit(). Throws ConfigError
  /// when the target exists and is not empty, DataError when the folder cannot be made.
  NewFolder(std::filesystem::path target, bool replace);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  const std::filesystem::path& path() const { return partial_; }
  /// Throws DataError when fewer bytes are free.
  void require_space(std::int64_t bytes) const;
  /// Throws DataError.
  void commit();

 private:
  std::filesystem::path target_, partial_;
  bool committed_ = false;
};

}  // namespace pgan::data
