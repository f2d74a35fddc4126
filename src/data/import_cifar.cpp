#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "data/folder_labels.h"
#include "data/layouts.h"
#include "data/mapped_file.h"
#include "data/pack_info.h"
#include "data/picture_files.h"
#include "data/printable.h"
#include "data/row_names.h"
#include "data/table_reader.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSide = 32;
constexpr std::size_t kPixels = 3 * kSide * kSide;

/// The files of one of the two sets, and what their records begin with.
struct Layout {
  const char* folder;  ///< as unpacked
  std::size_t label_bytes;
  std::size_t classes;
  const char* names;
};

constexpr Layout kCifar10{"cifar-10-batches-bin", 1, 10, "batches.meta.txt"};
/// A coarse label, then the fine one, which is used.
constexpr Layout kCifar100{"cifar-100-binary", 2, 100, "fine_label_names.txt"};

struct Batch {
  std::string name;
  Split split = Split::train;
  MappedFile mapped;
};

/// The batches there are, in order: data_batch_1.bin to 9 and test_batch.bin, or train.bin and
/// test.bin.
std::vector<fs::path> batches_in(const fs::path& folder, const Layout& layout) {
  std::vector<std::string> names;
  if (layout.classes == 10) {
    for (int i = 1; i <= 9; ++i) names.push_back("data_batch_" + std::to_string(i) + ".bin");
    names.push_back("test_batch.bin");
  } else {
    names = {"train.bin", "test.bin"};
  }
  std::vector<fs::path> found;
  for (const std::string& name : names) {
    std::error_code error;
    if (fs::is_regular_file(folder / name, error)) found.push_back(folder / name);
  }
  return found;
}

struct Set {
  const Layout* layout = nullptr;
  fs::path folder;
  std::vector<fs::path> files;
};

std::optional<Set> find_set(const fs::path& root) {
  for (const Layout* layout : {&kCifar10, &kCifar100}) {
    for (const fs::path& folder : {root, root / layout->folder}) {
      std::vector<fs::path> files = batches_in(folder, *layout);
      std::error_code error;
      // train.bin and test.bin alone could be anything.
      const bool certain =
          layout->classes == 10 || fs::is_regular_file(folder / layout->names, error);
      if (!files.empty() && certain) return Set{layout, folder, std::move(files)};
    }
  }
  return std::nullopt;
}

/// A source's place is its record's number over all batches.
class CifarPictures : public Pictures {
 public:
  CifarPictures(std::vector<Batch> batches, std::size_t record)
      : batches_(std::move(batches)), record_(record) {}

  torch::Tensor read(const Source& source, const DecodeOptions&) const override {
    std::uint64_t place = source.place;
    const Batch& batch = part_at(
        batches_, place, [this](const Batch& one) { return one.mapped.bytes().size() / record_; });
    const auto pixels = batch.mapped.bytes().subspan((place + 1) * record_ - kPixels, kPixels);
    require_readable(pixels, printable(source.key));
    torch::Tensor planes = torch::empty({3, kSide, kSide}, torch::kUInt8);
    std::memcpy(planes.data_ptr(), pixels.data(), pixels.size());
    return planes.permute({1, 2, 0}).contiguous();  // [32,32,3]
  }

 private:
  std::vector<Batch> batches_;
  std::size_t record_;
};

/// From the file of names, or the numbers where it is absent or has another count.
std::vector<std::string> class_names(const Set& set, Listing& listing) {
  std::vector<std::string> names;
  const fs::path file = set.folder / set.layout->names;
  std::error_code error;
  if (fs::is_regular_file(file, error)) {
    TableReader reader(file, TableFormat{' ', false});
    while (reader.next()) names.emplace_back(reader.fields()[0]);
  }
  if (names.size() == set.layout->classes) return names;
  listing.warnings.push_back(std::string(set.layout->names) + ": expected " +
                             std::to_string(set.layout->classes) + " names, found " +
                             std::to_string(names.size()) + ": classes are named by number");
  names.clear();
  for (std::size_t i = 0; i < set.layout->classes; ++i) names.push_back(std::to_string(i));
  return names;
}

void add_batch(const Batch& batch, const Layout& layout, std::uint64_t& place, Listing& listing) {
  const std::size_t record = layout.label_bytes + kPixels;
  const auto bytes = batch.mapped.bytes();
  const std::string stem = fs::path(batch.name).stem().string();
  for (std::size_t i = 0; i < bytes.size() / record; ++i, ++place) {
    std::string key = stem + "/" + record_key(static_cast<std::int64_t>(i));
    const std::size_t label = bytes[i * record + layout.label_bytes - 1];
    if (label >= layout.classes) {
      listing.skipped.push_back({std::move(key), "expected a label below " +
                                                     std::to_string(layout.classes) + ", found " +
                                                     std::to_string(label)});
      continue;
    }
    listing.sources.push_back({.key = std::move(key),
                               .place = place,
                               .labels = one_hot(layout.classes, label),
                               .split = batch.split});
  }
  if (bytes.size() % record != 0) {
    listing.skipped.push_back({batch.name, "ends within record " +
                                               std::to_string(bytes.size() / record) + " of " +
                                               std::to_string(record) + " bytes; get it anew"});
  }
}

}  // namespace

bool recognises_cifar(const fs::path& root) {
  return find_set(root).has_value();
}

Listing list_cifar(const fs::path& root) {
  Listing listing;
  const auto set = find_set(root);
  if (!set) return listing;
  listing.label_names = class_names(*set, listing);
  listing.resolution = kSide;
  std::vector<Batch> batches;
  std::uint64_t place = 0;
  for (const fs::path& file : set->files) {
    const std::string name = file.filename().string();
    const Split split = name.starts_with("test") ? Split::test : Split::train;
    batches.push_back({name, split, MappedFile(file)});
    add_batch(batches.back(), *set->layout, place, listing);
  }
  listing.pictures =
      std::make_shared<CifarPictures>(std::move(batches), set->layout->label_bytes + kPixels);
  return listing;
}

}  // namespace pgan::data
