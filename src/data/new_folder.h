#pragma once
#include <cstdint>
#include <filesystem>

namespace pgan::data {

/// A folder that appears under its name only once it is whole.
///
/// Work goes to a folder beside it; commit() renames that.
class NewFolder {
 public:
  enum class Unfinished {
    removed,  ///< without commit() the destructor removes "<target>.partial-<pid>"
    kept      ///< "<target>.partial" stays, for the next attempt to go on with
  };
  /// replace: an existing target that is a pack may be replaced at commit(). Throws ConfigError
  /// when the target exists and is not empty, DataError when the folder cannot be made.
  NewFolder(std::filesystem::path target, bool replace, Unfinished unfinished);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  /// Where an unfinished target that is kept lies.
  static std::filesystem::path kept_path(const std::filesystem::path& target);

  const std::filesystem::path& path() const { return partial_; }
  /// Throws DataError when fewer bytes are free.
  void require_space(std::int64_t bytes) const;
  /// Throws DataError.
  void commit();

 private:
  std::filesystem::path target_, partial_;
  Unfinished unfinished_;
  bool committed_ = false;
};

}  // namespace pgan::data
