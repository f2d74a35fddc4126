#include "data/importer.h"

#include <array>
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

Listing list_sources(const std::filesystem::path& root, const std::string& layout) {
  std::error_code error;
  if (!std::filesystem::exists(root, error)) {
    throw DataError("--from " + root.string() + ": no such folder or file");
  }
  std::string known, names;
  for (const Importer& importer : importers()) {
    if (layout == importer.name || (layout == "auto" && importer.recognises(root))) {
      Listing listing = importer.list(root);
      listing.layout = importer.name;
      const auto name = std::filesystem::absolute(root).lexically_normal();
      listing.name = (name.has_filename() ? name : name.parent_path()).filename().string();
      return listing;
    }
    known += (known.empty() ? "" : "; ") + std::string(importer.summary);
    names += ", " + std::string(importer.name);
  }
  if (layout != "auto") {
    throw ConfigError("--layout: expected auto" + names + ", found '" + layout + "'");
  }
  throw DataError("--from " + root.string() + ": holds no layout that is known (" + known + ")");
}

}  // namespace pgan::data
