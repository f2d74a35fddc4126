#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace pgan::fuzz {

/// An input that a target reads without complaint, for libFuzzer to start from.
struct Seed {
  std::string target, name, bytes;
  /// As folder/target/name. Throws std::runtime_error.
  void save(const std::filesystem::path& folder) const;
};

/// Pictures, packs, archives and checkpoints by the project's own writers, tables by hand.
std::vector<Seed> make_seeds();

}  // namespace pgan::fuzz
