#pragma once
#include <cstddef>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/importer.h"

namespace pgan::data {

/// Pictures that are files: a source's file is root / key.
std::shared_ptr<const Pictures> picture_files(std::filesystem::path root);

/// True for the file names that are taken for pictures, in any case: .jpg .jpeg .png .bmp .webp
/// .ppm .pgm .tif .tiff.
bool is_picture_name(std::string_view name);

/// True for names that are left out without a word: hidden ones, and the folder __MACOSX.
bool is_hidden_name(std::string_view name);

/// Names directly in a folder that pass `wanted`, sorted; none where it cannot be read.
std::vector<std::string> names_in(const std::filesystem::path& folder,
                                  bool (*wanted)(std::string_view name));

/// What lies below a folder.
struct FoundPictures {
  std::vector<std::string> keys;  ///< paths below the root, '/' between, as bytes on disk; sorted
  std::vector<Skipped> skipped;   ///< links that lead out, pipes, folders that cannot be read
  std::size_t others = 0;         ///< files that are no pictures by name
  std::string other;              ///< one of those
};

/// Searches root / below and all folders in it. Files are neither opened nor looked at beyond what
/// the folder says of them. Links are followed to files and folders inside the root, a folder once;
/// links that lead out of the root are skipped. Stops early once `most` pictures are found. Throws
/// nothing but for lack of memory.
FoundPictures find_pictures(const std::filesystem::path& root, const std::string& below = {},
                            std::size_t most = std::numeric_limits<std::size_t>::max());

/// Of parts laid end to end, the one that holds item `place`, which then is the item's number in
/// it. count: a part's items.
template <class Parts, class Count>
const auto& part_at(const Parts& parts, std::uint64_t& place, Count count) {
  auto part = parts.begin();
  for (; place >= count(*part); ++part) place -= count(*part);
  return *part;
}

}  // namespace pgan::data
