#pragma once
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "data/importer.h"
#include "data/pack.h"
#include "data/pack_writer.h"
#include "data/synth.h"

namespace pgan::data {

namespace fs = std::filesystem;

/// A folder that is removed with the object.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (fs::temp_directory_path() / "pgan-data-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const fs::path& path() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

inline std::string read_text(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write_text(const fs::path& file, const std::string& text) {
  std::ofstream stream(file, std::ios::binary);
  stream << text;
}

inline PackReport pack_quietly(const fs::path& from, const fs::path& out,
                               PackOptions options = {}) {
  return write_pack(list_sources(from), out, options, [](const auto&) {});
}

/// `count` drawn faces of `size` pixels in folder/faces, packed into folder/pack.
inline std::shared_ptr<const Pack> synth_pack(const TempFolder& folder, std::int64_t count,
                                              std::int64_t size, PackOptions options = {}) {
  write_synth(folder / "faces", {.count = count, .size = size, .seed = 3, .threads = 2},
              [](auto, auto) {});
  pack_quietly(folder / "faces", folder / "pack", options);
  return Pack::open(folder / "pack");
}

/// The number of the drawn face that a record of synth_pack() holds: splits lie one behind the
/// other in a pack.
inline std::int64_t face_of(const Pack& pack, std::int64_t record) {
  const std::string json = pack.record_json(record);
  return std::stoll(json.substr(json.find(".png") - 6, 6)) - 1;
}

/// Real images for tests, or an empty path.
inline fs::path test_data() {
  if (const char* given = std::getenv("PGAN_TEST_DATA")) return given;
  const char* source = std::getenv("PGAN_SOURCE");
  const fs::path beside = fs::path(source != nullptr ? source : ".") / "../shared/data";
  return fs::is_directory(beside) ? beside : fs::path();
}

#define PGAN_NEEDS_TEST_DATA(path)                                                       \
  if (test_data().empty() || !fs::exists(path)) {                                        \
    GTEST_SKIP() << "needs real images: set PGAN_TEST_DATA (looked for ../shared/data)"; \
  }

template <class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing thrown)";
}

}  // namespace pgan::data
