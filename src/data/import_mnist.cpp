#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "data/folder_labels.h"
#include "data/idx_file.h"
#include "data/layouts.h"
#include "data/pack_info.h"
#include "data/picture_files.h"
#include "data/printable.h"
#include "data/row_names.h"
#include "data/table_reader.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

/// Where the files are below the root, as torchvision leaves them among others.
constexpr std::array kFolders = {"",           "raw",        "MNIST/raw", "FashionMNIST/raw",
                                 "KMNIST/raw", "EMNIST/raw", "gzip"};

/// A file of images by its name: "emnist-letters-train-images-idx3-ubyte.gz".
struct ImageFile {
  fs::path path;
  std::string set;  ///< "emnist-letters", "" for MNIST
  Split split = Split::train;
};

std::optional<ImageFile> parse_name(const fs::path& path) {
  std::string name = lower_case(path.filename().string());
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  for (const char* ending : {"images-idx3-ubyte", "images.idx3-ubyte"}) {
    if (!name.ends_with(ending)) continue;
    std::string front = name.substr(0, name.size() - std::strlen(ending));
    while (front.ends_with('-') || front.ends_with('_')) front.pop_back();
    const std::size_t dash = front.find_last_of("-_");
    const std::string part = dash == std::string::npos ? front : front.substr(dash + 1);
    if (part != "train" && part != "t10k" && part != "test") return std::nullopt;
    const Split split = part == "train" ? Split::train : Split::test;
    return ImageFile{path, dash == std::string::npos ? "" : front.substr(0, dash), split};
  }
  return std::nullopt;
}

/// Sorted, so that the plain file comes before its .gz.
std::vector<ImageFile> files_in(const fs::path& folder) {
  const auto names = names_in(folder, [](std::string_view name) {
    return name.find("idx3") != std::string_view::npos ||
           name.find("IDX3") != std::string_view::npos;
  });
  std::vector<ImageFile> files;
  for (const std::string& name : names) {
    std::error_code error;
    auto file = parse_name(folder / name);
    if (file && fs::is_regular_file(file->path, error)) files.push_back(std::move(*file));
  }
  return files;
}

/// The files of images to read, one a split.
std::map<Split, ImageFile> find_files(const fs::path& root) {
  std::error_code error;
  std::optional<ImageFile> chosen;
  if (fs::is_regular_file(root, error) && !(chosen = parse_name(root))) return {};
  std::map<Split, ImageFile> found;
  for (const char* below : kFolders) {
    for (const ImageFile& file : files_in(chosen ? root.parent_path() : root / below)) {
      if (chosen && file.set != chosen->set) continue;
      const auto& first = found.empty() ? file : found.begin()->second;
      if (file.set != first.set) {
        throw DataError(printable(root.string()) + ": holds several sets (" + printable(first.set) +
                        ", " + printable(file.set) + "); give a file of images as --from, e.g. " +
                        printable(file.path.string()));
      }
      found.emplace(file.split, file);
    }
    if (!found.empty()) break;
  }
  return found;
}

/// The labels beside a file of images, plain or .gz.
std::optional<fs::path> labels_beside(const ImageFile& images) {
  std::string name = images.path.filename().string();
  const std::size_t word = name.rfind("mages");
  if (word == std::string::npos || word == 0) return std::nullopt;
  name.replace(word - 1, 6, name[word - 1] == 'I' ? "Labels" : "labels");
  if (const std::size_t idx = name.rfind("idx3"); idx != std::string::npos) name[idx + 3] = '1';
  const std::string plain = name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name;
  for (const std::string& candidate : {plain, plain + ".gz"}) {
    std::error_code error;
    const fs::path file = images.path.parent_path() / candidate;
    if (fs::is_regular_file(file, error)) return file;
  }
  return std::nullopt;
}

struct Part {
  Split split;
  std::string name;  ///< the file's, for messages
  IdxFile images;
  std::optional<IdxFile> labels;
  bool transposed;
};

/// A source's place is its image's number over all parts.
class IdxPictures : public Pictures {
 public:
  explicit IdxPictures(std::vector<Part> parts) : parts_(std::move(parts)) {}
  const std::vector<Part>& parts() const { return parts_; }

  torch::Tensor read(const Source& source, const DecodeOptions&) const override {
    std::uint64_t place = source.place;
    const Part& part = part_at(parts_, place, [](const Part& one) {
      return static_cast<std::uint64_t>(one.images.count());
    });
    const std::int64_t height = part.images.height(), width = part.images.width();
    const auto bytes = part.images.item(static_cast<std::int64_t>(place));
    require_readable(bytes, part.name);
    torch::Tensor grey = torch::empty({height, width}, torch::kUInt8);
    std::memcpy(grey.data_ptr(), bytes.data(), bytes.size());
    if (part.transposed) grey = grey.t();
    return grey.unsqueeze(2).expand({-1, -1, 3}).contiguous();
  }

 private:
  std::vector<Part> parts_;
};

Part open_part(const ImageFile& file, Listing& listing) {
  // EMNIST's images are stored column by column (Cohen et al. 2017 converted them from Matlab).
  Part part{file.split,
            printable(file.path.filename().string()),
            IdxFile(file.path, 3),
            {},
            file.set.starts_with("emnist")};
  if (part.images.count() < part.images.declared()) {
    listing.skipped.push_back(
        {file.path.filename().string(), "ends after " + std::to_string(part.images.count()) +
                                            " of " + std::to_string(part.images.declared()) +
                                            " pictures; get it anew"});
  }
  const auto labels = labels_beside(file);
  if (!labels) return part;
  part.labels.emplace(*labels, 1);
  if (part.labels->count() < part.images.count() ||
      part.labels->declared() != part.images.declared()) {
    throw DataError(printable(labels->string()) + ": expected the labels of " +
                    std::to_string(part.images.declared()) + " images, found " +
                    std::to_string(part.labels->count()));
  }
  return part;
}

/// Names of the classes: the digits, or all numbers between the labels where there are others.
/// Returns the first one's number.
std::size_t name_classes(const std::vector<Part>& parts, Listing& listing) {
  std::uint8_t low = 255, high = 0;
  const auto labelled = std::count_if(parts.begin(), parts.end(),
                                      [](const Part& part) { return part.labels.has_value(); });
  for (const Part& part : parts) {
    if (!part.labels && labelled > 0) {
      throw DataError(part.name +
                      " has no file of labels, but others here have; bring it, or move " +
                      part.name + " away");
    }
    if (!part.labels) {
      listing.warnings.push_back(part.name + " has no file of labels: packed without labels");
      return 0;
    }
    for (std::int64_t i = 0; i < part.images.count(); ++i) {
      low = std::min(low, part.labels->item(i)[0]);
      high = std::max(high, part.labels->item(i)[0]);
    }
  }
  if (high < 10) low = 0, high = 9;
  for (int label = low; label <= high; ++label) {
    listing.label_names.push_back(std::to_string(label));
  }
  return low;
}

void add_part(const Part& part, std::size_t first_class, Listing& listing) {
  const char* folder = part.split == Split::train ? "train/" : "test/";
  std::uint64_t place = listing.sources.size();
  for (std::int64_t i = 0; i < part.images.count(); ++i) {
    Source source{.key = folder + record_key(i), .place = place++, .split = part.split};
    if (!listing.label_names.empty()) {
      source.labels = one_hot(listing.label_names.size(), part.labels->item(i)[0] - first_class);
    }
    listing.sources.push_back(std::move(source));
  }
}

/// Sizes: pictures that are no power of two are laid on the next one.
void set_sizes(const std::vector<Part>& parts, Listing& listing) {
  const std::int64_t height = parts[0].images.height(), width = parts[0].images.width();
  for (const Part& part : parts) {
    if (part.images.height() != height || part.images.width() != width) {
      throw DataError(part.name + ": " + std::to_string(part.images.height()) + "x" +
                      std::to_string(part.images.width()) + " pictures, expected " +
                      std::to_string(height) + "x" + std::to_string(width) + " as in " +
                      parts[0].name);
    }
  }
  const auto side = static_cast<std::uint64_t>(std::max(height, width));
  listing.resolution = static_cast<std::int64_t>(std::bit_ceil(std::max<std::uint64_t>(side, 4)));
  if (height == width && listing.resolution == width) return;
  listing.canvas = listing.resolution;
  if (height == width) listing.native = width;
}

}  // namespace

bool recognises_mnist(const fs::path& root) {
  try {
    return !find_files(root).empty();
  } catch (const DataError&) {
    return true;  // several sets: list_mnist says which
  }
}

Listing list_mnist(const fs::path& root) {
  Listing listing;
  std::vector<Part> parts;
  for (const auto& [split, file] : find_files(root)) parts.push_back(open_part(file, listing));
  if (parts.empty()) return listing;
  set_sizes(parts, listing);
  const auto pictures = std::make_shared<const IdxPictures>(std::move(parts));
  const std::size_t first_class = name_classes(pictures->parts(), listing);
  for (const Part& part : pictures->parts()) add_part(part, first_class, listing);
  listing.pictures = pictures;
  return listing;
}

}  // namespace pgan::data
