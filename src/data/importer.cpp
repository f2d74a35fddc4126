#include "data/importer.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>

#include "core/error.h"
#include "data/layouts.h"
#include "data/picture_files.h"
#include "data/printable.h"
#include "data/row_names.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

/// What there is where nothing can be packed, and what may help.
std::string describe(const fs::path& root) {
  std::error_code error;
  if (fs::is_regular_file(root, error)) {
    const std::string name = root.filename().string();
    const bool archive = name.ends_with(".tar") || name.find(".tar.") != std::string::npos ||
                         name.ends_with(".tgz") || name.ends_with(".7z") || name.ends_with(".rar");
    return archive ? "an archive: unpack it and give the folder"
                   : "a file that is no data set: expected a folder, a zip archive, a table of "
                     "pictures or an IDX file";
  }
  if (!fs::is_directory(root, error)) return "neither a folder nor a file";
  if (fs::is_regular_file(root / "data_batch_1", error)) {
    return "CIFAR for Python (pickles, which run code when read): get the binary version";
  }
  if (fs::is_regular_file(root / "labels.f32", error) ||
      fs::is_regular_file(root / "r0004.index", error)) {
    return "a pack already: give it to pgan-train --data";
  }
  const FoundPictures found = find_pictures(root);
  std::string text = "an empty folder";
  if (!found.keys.empty()) {
    text = with_commas(found.keys.size()) + " pictures, none of which can be used";
  } else if (found.others > 0) {
    text = with_commas(found.others) + " files, none of them a picture by its name, e.g. " +
           printable(found.other);
  }
  if (!found.skipped.empty()) {
    text += "; " + printable(found.skipped[0].key) + ": " + found.skipped[0].reason;
    if (found.skipped.size() > 1)
      text += " (and " + with_commas(found.skipped.size() - 1) + " more)";
  }
  return text;
}

const Importer& choose(const fs::path& root, const std::string& layout) {
  std::string names;
  for (const Importer& importer : importers()) {
    if (layout == importer.name || (layout == "auto" && importer.recognises(root))) return importer;
    names += ", " + std::string(importer.name);
  }
  if (layout != "auto") {
    throw ConfigError("--layout: expected auto" + names + ", found '" + printable(layout) + "'");
  }
  throw DataError("--from " + printable(root.string()) + ": " + describe(root) +
                  "; the layouts are" + names.substr(1) + " (pgan-data pack --help)");
}

void put_in_order(Listing& listing) {
  const auto place = [](const Source& source) { return std::tie(source.domain, source.key); };
  const auto before = [&](const Source& a, const Source& b) { return place(a) < place(b); };
  if (!std::is_sorted(listing.sources.begin(), listing.sources.end(), before)) {
    std::sort(listing.sources.begin(), listing.sources.end(), before);
  }
  const auto is_train = [](const Source& source) { return source.split == Split::train; };
  const auto& sources = listing.sources;
  listing.has_split = !std::all_of(sources.begin(), sources.end(), is_train);
  if (std::none_of(sources.begin(), sources.end(), is_train)) {
    listing.warnings.push_back("no picture is for training: all are held out");
  }
}

void check_label_names(const fs::path& root, const Listing& listing) {
  std::set<std::string_view> seen;
  for (const std::string& name : listing.label_names) {
    if (seen.insert(name).second) continue;
    throw DataError("--from " + printable(root.string()) + ": two labels are named '" +
                    printable(name) + "'; rename one of the columns");
  }
}

/// What a listing without pictures has to say for itself.
std::string why_empty(const fs::path& root, const Listing& listing) {
  for (const Skipped& skipped : listing.skipped) {
    return printable(skipped.key) + ": " + skipped.reason;
  }
  return listing.warnings.empty() ? describe(root) : listing.warnings[0];
}

}  // namespace

std::span<const Importer> importers() {
  static const std::array<Importer, 12> table{{
      {"celeba", "img_align_celeba/ with list_attr_celeba.txt or .csv", recognises_celeba,
       list_celeba},
      {"celeba-hq", "CelebA-HQ-img/ with an attribute list", recognises_celeba_hq, list_celeba_hq},
      {"ffhq", "images1024x1024/ or thumbnails128x128/", recognises_ffhq, list_ffhq},
      {"stylegan-zip", "a .zip of pictures with or without dataset.json, or one unpacked",
       recognises_stylegan, list_stylegan},
      {"mnist", "train-images-idx3-ubyte, plain or .gz", recognises_mnist, list_mnist},
      {"cifar10", "data_batch_1.bin or, of CIFAR-100, train.bin", recognises_cifar, list_cifar},
      {"lsun", "NAME_train_lmdb/data.mdb, one or several", recognises_lsun, list_lsun},
      {"unpaired", "trainA/ and trainB/", recognises_unpaired, list_unpaired},
      {"captions", "a table with the columns image and caption", recognises_captions,
       list_captions},
      {"table", "a .csv whose first column names pictures", recognises_table, list_table},
      {"pairs", "pictures about twice as wide as high: two halves side by side", recognises_pairs,
       list_pairs},
      {"folder", "a folder of pictures, or one folder a class, also in train/, val/, test/",
       recognises_folder, list_folder},
  }};
  return table;
}

std::string layout_help() {
  std::string text = "auto (found by looking), or one of";
  for (const Importer& importer : importers()) {
    text += (text.ends_with("of") ? " " : "; ") + std::string(importer.name) + ": " +
            std::string(importer.summary);
  }
  return text;
}

Listing list_sources(const fs::path& root, const std::string& layout) {
  std::error_code error;
  if (!fs::exists(root, error)) {
    throw DataError("--from " + printable(root.string()) + ": no such folder or file");
  }
  const Importer& importer = choose(root, layout);
  Listing listing = importer.list(root);
  if (listing.sources.empty()) {
    throw DataError("--from " + printable(root.string()) + " as layout " +
                    std::string(importer.name) + " (" + std::string(importer.summary) +
                    "): holds no picture to pack: " + why_empty(root, listing));
  }
  put_in_order(listing);
  check_label_names(root, listing);
  listing.layout = importer.name;
  const auto name = fs::absolute(root).lexically_normal();
  listing.name = (name.has_filename() ? name : name.parent_path()).filename().string();
  return listing;
}

}  // namespace pgan::data
