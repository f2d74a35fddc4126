#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/crop.h"

namespace pgan::data {

/// One picture to pack.
struct Source {
  std::filesystem::path file;
  std::string key;            ///< its path inside the data set, for messages and key.json
  std::vector<float> labels;  ///< C values
  int split = -1;             ///< 0 train, 1 validation, 2 test, -1 unknown
};

/// What an importer found.
struct Listing {
  std::string name;    ///< of the data set: the folder's
  std::string layout;  ///< the importer's name
  std::vector<std::string> label_names;
  std::vector<Source> sources;        ///< sorted by key
  std::vector<std::string> warnings;  ///< one line each: rows without picture, pictures without row
  Crop crop = Crop::center;           ///< what Crop::automatic means for this layout
};

/// A layout that users have. Adding one: a file import_*.cpp and a line in importers().
struct Importer {
  std::string_view name;
  std::string_view summary;
  bool (*recognises)(const std::filesystem::path& root);
  /// Throws DataError naming file and line.
  Listing (*list)(const std::filesystem::path& root);
};

/// In the order they are tried.
std::span<const Importer> importers();

/// Lists a folder by the first importer that recognises it. Throws DataError saying which layouts
/// there are.
Listing list_sources(const std::filesystem::path& root);

bool recognises_celeba(const std::filesystem::path& root);
/// CelebA: img_align_celeba/ (or images/), list_attr_celeba.txt or .csv, list_eval_partition.txt or
/// .csv where present; joined by file name, -1/1 become 0/1.
Listing list_celeba(const std::filesystem::path& root);

bool recognises_folder(const std::filesystem::path& root);
/// A folder of pictures (searched through all its folders); when all of them lie in two or more
/// folders directly below the root, each is a class, by name, with one-hot labels.
Listing list_folder(const std::filesystem::path& root);

/// True for the file names that are taken for pictures: .jpg .jpeg .png .bmp .webp .ppm .pgm .tif
/// .tiff.
bool is_picture_name(const std::filesystem::path& file);

}  // namespace pgan::data
