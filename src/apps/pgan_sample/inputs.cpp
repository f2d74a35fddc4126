#include "apps/pgan_sample/inputs.h"

#include <system_error>

#include "core/error.h"
#include "data/decode.h"
#include "data/file_bytes.h"
#include "data/picture_files.h"
#include "data/printable.h"
#include "data/resample.h"

namespace pgan::apps {
namespace {

namespace fs = std::filesystem;

InputPicture read_one(const fs::path& file, const std::string& name, const data::Crop& crop,
                      std::int64_t resolution) {
  try {
    const torch::Tensor picture = data::decode(data::read_file_bytes(file), name);
    const data::Crop kind = data::resolve_crop(crop, picture.size(1), picture.size(0));
    const data::Square square = data::crop_square(kind, picture.size(1), picture.size(0), name);
    const torch::Tensor pixels =
        data::round_pixels(data::resize_square(data::cut_square(picture, square), resolution));
    return {name, pixels.to(torch::kFloat32) / 127.5 - 1, square.side};
  } catch (const DataError& error) {
    throw DataError(data::printable(error.what()));
  }
}

[[noreturn]] void none_readable(const std::string& where, const InputPictures& inputs,
                                const data::FoundPictures& found) {
  std::string message = "--input " + where;
  if (inputs.found > 0) {
    message += ": none of its " + std::to_string(inputs.found) +
               " pictures can be read, the last because " + inputs.warnings.back();
  } else {
    message += ": no pictures there (.jpg .jpeg .png .bmp .webp .ppm .pgm .tif .tiff)";
    if (found.others > 0) message += ", only files like " + data::printable(found.other);
  }
  throw DataError(message);
}

InputPictures read_folder(const fs::path& folder, const data::Crop& crop, std::int64_t resolution,
                          std::int64_t most) {
  const data::FoundPictures found = data::find_pictures(folder);
  InputPictures inputs;
  inputs.found = found.keys.size();
  for (const data::Skipped& skipped : found.skipped)
    inputs.warnings.push_back(data::printable(skipped.key) + ": " + skipped.reason);
  for (const std::string& key : found.keys) {
    inputs.more = std::ssize(inputs.pictures) >= most;
    if (inputs.more) break;
    try {
      inputs.pictures.push_back(read_one(folder / key, data::printable(key), crop, resolution));
    } catch (const DataError& error) {
      inputs.warnings.emplace_back(error.what());
    }
  }
  if (inputs.pictures.empty()) none_readable(data::printable(folder.string()), inputs, found);
  return inputs;
}

}  // namespace

InputPictures read_inputs(const fs::path& input, const data::Crop& crop, std::int64_t resolution,
                          std::int64_t most) {
  std::error_code ignored;
  if (fs::is_directory(input, ignored)) return read_folder(input, crop, resolution, most);
  const std::string name = data::printable(input.filename().string());
  return {{read_one(input, name, crop, resolution)}, {}, 1, false};
}

}  // namespace pgan::apps
