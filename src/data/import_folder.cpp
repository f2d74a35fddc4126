#include <algorithm>
#include <set>
#include <system_error>

#include "core/error.h"
#include "data/importer.h"
#include "data/picture_files.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

/// Pictures below a folder, by path within it, sorted. Hidden files are left out.
std::vector<fs::path> find_pictures(const fs::path& root) {
  std::vector<fs::path> found;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  fs::recursive_directory_iterator entry(root, options, error), end;
  while (!error && entry != end) {
    const bool hidden = entry->path().filename().string().starts_with('.');
    if (hidden && entry->is_directory(error)) entry.disable_recursion_pending();
    if (!hidden && is_picture_name(entry->path()) && entry->is_regular_file(error)) {
      found.push_back(entry->path().lexically_relative(root));
    }
    entry.increment(error);
  }
  if (error) throw DataError(root.string() + ": cannot be listed: " + error.message());
  std::sort(found.begin(), found.end());
  return found;
}

/// Names of the folders directly below the root, when every picture lies in one and there are two.
std::vector<std::string> class_names(const std::vector<fs::path>& pictures) {
  std::set<std::string> names;
  for (const fs::path& picture : pictures) {
    if (!picture.has_parent_path()) return {};
    names.insert(picture.begin()->string());
  }
  if (names.size() < 2) return {};
  return {names.begin(), names.end()};
}

}  // namespace

bool recognises_folder(const fs::path& root) {
  return !find_pictures(root).empty();
}

Listing list_folder(const fs::path& root) {
  Listing listing;
  listing.pictures = picture_files(root);
  const std::vector<fs::path> pictures = find_pictures(root);
  listing.label_names = class_names(pictures);
  for (const fs::path& picture : pictures) {
    Source source{.key = picture.generic_string()};
    for (const std::string& name : listing.label_names) {
      source.labels.push_back(name == picture.begin()->string() ? 1.0f : 0.0f);
    }
    listing.sources.push_back(std::move(source));
  }
  return listing;
}

}  // namespace pgan::data
