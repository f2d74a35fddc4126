#include <algorithm>
#include <cmath>
#include <system_error>

#include "core/error.h"
#include "data/folder_labels.h"
#include "data/layouts.h"
#include "data/mapped_file.h"
#include "data/picture_files.h"
#include "data/picture_header.h"
#include "data/printable.h"
#include "data/row_names.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLookedAt = 32;

/// The left or the right half of each file, by the source's domain.
class Halves : public Pictures {
 public:
  explicit Halves(fs::path root) : whole_(picture_files(std::move(root))) {}

  torch::Tensor read(const Source& source, const DecodeOptions& options) const override {
    const torch::Tensor picture = whole_->read(source, options);
    const std::int64_t half = picture.size(1) / 2;
    if (half == 0) {
      throw DataError(printable(source.key) + ": one pixel wide, expected two halves side by side");
    }
    const std::int64_t begin = source.domain == 0 ? 0 : picture.size(1) - half;
    return picture.narrow(1, begin, half).contiguous();
  }

 private:
  std::shared_ptr<const Pictures> whole_;
};

/// Width over height as the file declares them, 0 where it cannot be read.
double shape_of(const fs::path& file) {
  try {
    const MappedFile mapped(file);
    const PictureHeader header = read_picture_header(mapped.bytes());
    if (header.height <= 0) return 0.0;
    return static_cast<double>(header.width) / static_cast<double>(header.height);
  } catch (const DataError&) {
    return 0.0;
  }
}

}  // namespace

bool recognises_pairs(const fs::path& root) {
  const FoundPictures found = find_pictures(root, {}, kLookedAt);
  std::size_t squares = 0;
  for (const std::string& key : found.keys) {
    const double shape = shape_of(root / key);
    // Sets of pairs have some whose halves are lower than wide.
    if (shape < 1.9 || shape > 2.8) return false;
    squares += std::abs(shape - 2.0) <= 0.04 ? 1 : 0;
  }
  return !found.keys.empty() && 4 * squares >= 3 * found.keys.size();
}

Listing list_pairs(const fs::path& root) {
  Listing listing;
  listing.pictures = std::make_shared<Halves>(root);
  listing.domains = {"a", "b"};
  listing.paired = true;
  FoundPictures found = find_pictures(root);
  listing.skipped = std::move(found.skipped);
  const bool splits = std::all_of(found.keys.begin(), found.keys.end(), [](const auto& key) {
    return split_by_name(folder_of(key, 0)).has_value();
  });
  for (const std::int64_t domain : {0, 1}) {
    for (const std::string& key : found.keys) {
      const Split split = splits ? *split_by_name(folder_of(key, 0)) : Split::train;
      listing.sources.push_back({.key = key, .split = split, .domain = domain});
    }
  }
  listing.warnings.push_back(
      "each picture is taken for a pair side by side (those looked at are about twice as wide "
      "as high); if they are not, give --layout folder");
  return listing;
}

}  // namespace pgan::data
