#include <array>
#include <set>
#include <system_error>

#include "data/folder_labels.h"
#include "data/layouts.h"
#include "data/picture_files.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

struct Part {
  const char* folder;
  Split split;
  std::int64_t domain;
};

constexpr std::array<Part, 6> kParts = {{{"trainA", Split::train, 0},
                                         {"trainB", Split::train, 1},
                                         {"valA", Split::validation, 0},
                                         {"valB", Split::validation, 1},
                                         {"testA", Split::test, 0},
                                         {"testB", Split::test, 1}}};

void add(const fs::path& root, const Part& part, Listing& listing) {
  std::error_code error;
  if (!fs::is_directory(root / part.folder, error)) return;
  FoundPictures found = find_pictures(root, part.folder);
  for (Skipped& skipped : found.skipped) listing.skipped.push_back(std::move(skipped));
  for (std::string& key : found.keys) {
    listing.sources.push_back({.key = std::move(key), .split = part.split, .domain = part.domain});
  }
}

/// Any two folders with pictures, a domain each.
void add_two_folders(const fs::path& root, Listing& listing) {
  FoundPictures found = find_pictures(root);
  listing.skipped = std::move(found.skipped);
  std::set<std::string> names;
  for (const std::string& key : found.keys) names.emplace(folder_of(key, 0));
  if (names.size() != 2 || names.contains("")) return;
  listing.domains = {names.begin(), names.end()};
  for (std::string& key : found.keys) {
    const std::int64_t domain = folder_of(key, 0) == listing.domains[0] ? 0 : 1;
    listing.sources.push_back({.key = std::move(key), .domain = domain});
  }
}

}  // namespace

bool recognises_unpaired(const fs::path& root) {
  std::error_code error;
  return fs::is_directory(root / "trainA", error) && fs::is_directory(root / "trainB", error);
}

Listing list_unpaired(const fs::path& root) {
  Listing listing;
  listing.pictures = picture_files(root);
  if (recognises_unpaired(root)) {
    listing.domains = {"a", "b"};
    for (const Part& part : kParts) add(root, part, listing);
  } else {
    add_two_folders(root, listing);
  }
  return listing;
}

}  // namespace pgan::data
