#pragma once
#include <cstdlib>
#include <filesystem>

namespace pgan::models {

/// Where values computed by other code lie: PGAN_TEST_GOLDEN, or beside the checkout.
inline std::filesystem::path golden_folder() {
  if (const char* folder = std::getenv("PGAN_TEST_GOLDEN")) return folder;
  const char* source = std::getenv("PGAN_SOURCE");
  return std::filesystem::path(source != nullptr ? source : ".") / ".." / "shared" / "golden";
}

}  // namespace pgan::models
