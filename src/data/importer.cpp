#include "data/importer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <system_error>

#include "core/error.h"

namespace pgan::data {

std::span<const Importer> importers() {
  static const std::array<Importer, 2> table{{
      {"celeba", "img_align_celeba/ with list_attr_celeba.txt or .csv", recognises_celeba,
       list_celeba},
      {"folder", "a folder of pictures, or one folder a class", recognises_folder, list_folder},
  }};
  return table;
}

Listing list_sources(const std::filesystem::path& root) {
  std::error_code error;
  if (!std::filesystem::is_directory(root, error)) {
    throw DataError("--from " + root.string() + ": no such folder");
  }
  std::string known;
  for (const Importer& importer : importers()) {
    if (importer.recognises(root)) {
      Listing listing = importer.list(root);
      listing.layout = importer.name;
      const auto name = std::filesystem::absolute(root).lexically_normal();
      listing.name = (name.has_filename() ? name : name.parent_path()).filename().string();
      return listing;
    }
    known += (known.empty() ? "" : "; ") + std::string(importer.summary);
  }
  throw DataError("--from " + root.string() + ": holds no layout that is known (" + known + ")");
}

bool is_picture_name(const std::filesystem::path& file) {
  static constexpr std::array<std::string_view, 9> kNames = {
      ".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"};
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kNames.begin(), kNames.end(), extension) != kNames.end();
}

}  // namespace pgan::data
