#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include "data/layouts.h"
#include "data/picture_files.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

constexpr std::array kFolders = {"images1024x1024", "thumbnails128x128"};
constexpr std::int64_t kFirstForValidation = 60'000;

/// The folder of pictures below the root, "" for the root itself.
std::optional<std::string> find_images(const fs::path& root) {
  std::error_code error;
  for (const char* folder : kFolders) {
    if (fs::is_directory(root / folder, error)) return folder;
  }
  const std::string name = fs::absolute(root, error).lexically_normal().string();
  for (const std::string_view folder : kFolders) {
    if (name.ends_with(folder) || name.ends_with(std::string(folder) + "/")) return "";
  }
  return std::nullopt;
}

Split split_of(std::string_view key) {
  const std::string_view name = key.substr(key.rfind('/') + 1);
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool numbered = error == std::errc{} && stop != name.data() + name.size() && *stop == '.';
  return numbered && number >= kFirstForValidation ? Split::validation : Split::train;
}

}  // namespace

bool recognises_ffhq(const fs::path& root) {
  std::error_code error;
  return fs::is_directory(root, error) && find_images(root).has_value();
}

Listing list_ffhq(const fs::path& root) {
  const auto images = find_images(root);
  if (!images) return {};
  Listing listing;
  listing.pictures = picture_files(root);
  FoundPictures found = find_pictures(root, *images);
  listing.skipped = std::move(found.skipped);
  listing.sources.reserve(found.keys.size());
  for (std::string& key : found.keys) {
    const Split split = split_of(key);
    listing.sources.push_back({.key = std::move(key), .split = split});
  }
  return listing;
}

}  // namespace pgan::data
