#include <system_error>

#include "data/folder_labels.h"
#include "data/layouts.h"
#include "data/picture_files.h"
#include "data/printable.h"

namespace pgan::data {

bool recognises_folder(const std::filesystem::path& root) {
  return !find_pictures(root, {}, 1).keys.empty();
}

Listing list_folder(const std::filesystem::path& root) {
  Listing listing;
  listing.pictures = picture_files(root);
  FoundPictures found = find_pictures(root);
  listing.skipped = std::move(found.skipped);
  listing.sources.reserve(found.keys.size());
  for (std::string& key : found.keys) listing.sources.push_back({.key = std::move(key)});
  label_by_folders(listing);
  if (found.others > 0) {
    listing.warnings.push_back(std::to_string(found.others) +
                               " other files are no pictures by their names, e.g. " +
                               printable(found.other));
  }
  std::error_code error;
  if (std::filesystem::is_directory(root / "img_align_celeba", error)) {
    listing.warnings.push_back(
        "looks like CelebA, but list_attr_celeba.txt is missing: packed without labels; put it "
        "beside img_align_celeba/");
  }
  return listing;
}

}  // namespace pgan::data
