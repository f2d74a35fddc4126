#include "fuzz/scratch.h"

#include <cstdlib>
#include <fstream>
#include <system_error>

namespace pgan::fuzz {

namespace fs = std::filesystem;

Scratch::Scratch() {
  std::string name = (fs::temp_directory_path() / "pgan-fuzz-XXXXXX").string();
  require(mkdtemp(name.data()) != nullptr, "TMPDIR is a folder that can be written to");
  path_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path Scratch::put(const std::string& name, Bytes bytes) const {
  fs::path file = path_ / name;
  if (file.has_parent_path()) fs::create_directories(file.parent_path());
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  stream.close();
  require(stream.good(), "TMPDIR has room");
  return file;
}

fs::path Scratch::put(const std::string& name, const std::string& text) const {
  return put(name, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace pgan::fuzz
