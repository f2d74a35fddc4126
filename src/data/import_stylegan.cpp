#include <algorithm>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "data/dataset_json.h"
#include "data/folder_labels.h"
#include "data/layouts.h"
#include "data/mapped_file.h"
#include "data/picture_files.h"
#include "data/printable.h"
#include "data/zip_archive.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLabels = "dataset.json";

/// A source's place is its index in the archive.
class ZipPictures : public Pictures {
 public:
  explicit ZipPictures(std::shared_ptr<const ZipArchive> archive) : archive_(std::move(archive)) {}

  torch::Tensor read(const Source& source, const DecodeOptions& options) const override {
    return decode(archive_->read(source.place, source.key), printable(source.key), options);
  }

 private:
  std::shared_ptr<const ZipArchive> archive_;
};

/// Keeps the sources that have labels, in place.
void join_labels(Listing& listing, DatasetJson json) {
  std::vector<std::string> keys;
  keys.reserve(listing.sources.size());
  for (Source& source : listing.sources) keys.push_back(std::move(source.key));
  const auto row_of = match_rows(json.rows, keys, kLabels, listing);
  std::vector<Source> kept;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (row_of[i] < 0) continue;
    Source& source = kept.emplace_back(std::move(listing.sources[i]));
    source.key = std::move(keys[i]);
    source.labels = std::move(json.labels[static_cast<std::size_t>(row_of[i])]);
  }
  listing.sources = std::move(kept);
  listing.label_names = std::move(json.label_names);
}

Listing list_zip(const fs::path& file) {
  const auto archive = std::make_shared<const ZipArchive>(file);
  Listing listing;
  listing.pictures = std::make_shared<ZipPictures>(archive);
  std::optional<ZipArchive::Entry> labels;
  std::size_t others = 0;
  std::string other;
  for (ZipArchive::Entry& entry : archive->entries(listing.skipped)) {
    if (is_picture_name(entry.name)) {
      listing.sources.push_back({.key = std::move(entry.name), .place = entry.index});
    } else if (entry.name == kLabels) {
      labels = std::move(entry);
    } else if (others++ == 0) {
      other = std::move(entry.name);
    }
  }
  std::sort(listing.sources.begin(), listing.sources.end(),
            [](const Source& a, const Source& b) { return a.key < b.key; });
  warn_of(listing, others, "files in the zip are no pictures by their names", other);
  if (!labels) {
    label_by_folders(listing);
    return listing;
  }
  const std::string name = printable(file.string()) + ": " + kLabels;
  DatasetJson json = parse_dataset_json(archive->read(labels->index, kLabels), name);
  if (json.labelled) join_labels(listing, std::move(json));
  return listing;
}

Listing list_unpacked(const fs::path& root) {
  const fs::path file = root / kLabels;
  Listing listing;
  listing.pictures = picture_files(root);
  FoundPictures found = find_pictures(root);
  listing.skipped = std::move(found.skipped);
  for (std::string& key : found.keys) listing.sources.push_back({.key = std::move(key)});
  const MappedFile mapped(file);
  DatasetJson json = parse_dataset_json(mapped.bytes(), printable(file.string()));
  if (json.labelled) join_labels(listing, std::move(json));
  return listing;
}

/// A look at its beginning: packs have a dataset.json too.
bool is_stylegan_json(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return false;
  std::ifstream stream(file, std::ios::binary);
  std::string start(4096, '\0');
  stream.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(stream.gcount()));
  return start.find("\"labels\"") != std::string::npos &&
         start.find("pgan-pack") == std::string::npos;
}

}  // namespace

bool recognises_stylegan(const fs::path& root) {
  return is_zip_file(root) || is_stylegan_json(root / kLabels);
}

Listing list_stylegan(const fs::path& root) {
  std::error_code error;
  return fs::is_directory(root, error) ? list_unpacked(root) : list_zip(root);
}

}  // namespace pgan::data
