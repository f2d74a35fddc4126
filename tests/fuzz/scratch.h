#pragma once
#include <filesystem>
#include <string>

#include "fuzz/targets.h"

namespace pgan::fuzz {

/// A folder in TMPDIR for readers that take paths, removed with the object. tests/fuzz/run.sh sets
/// TMPDIR to memory.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Makes or replaces a file, and the folders it is in. Ends the process when it cannot.
  std::filesystem::path put(const std::string& name, Bytes bytes) const;
  std::filesystem::path put(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

}  // namespace pgan::fuzz
