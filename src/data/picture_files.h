#pragma once
#include <filesystem>
#include <memory>

#include "data/importer.h"

namespace pgan::data {

/// Pictures that are files: a source's file is root / key.
std::shared_ptr<const Pictures> picture_files(std::filesystem::path root);

/// True for the file names that are taken for pictures: .jpg .jpeg .png .bmp .webp .ppm .pgm .tif
/// .tiff.
bool is_picture_name(const std::filesystem::path& file);

}  // namespace pgan::data
