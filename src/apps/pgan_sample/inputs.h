#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

#include "data/crop.h"

namespace pgan::apps {

/// A user's picture as a model takes it.
struct InputPicture {
  std::string name;      ///< of the file, below the folder it was found in; to be shown
  torch::Tensor image;   ///< float32 [3,R,R], RGB, [-1,1]
  std::int64_t cut = 0;  ///< pixels a side of the square that was cut
};

struct InputPictures {
  std::vector<InputPicture> pictures;  ///< by name
  std::vector<std::string> warnings;   ///< a line for each file that could not be read, and why
  std::size_t found = 0;               ///< files with a picture's name
  bool more = false;                   ///< some of them were not looked at
};

/// Reads a picture, or those of a folder and below it, in the order of their names until there are
/// `most`; cut and reduced to `resolution` as pgan-data pack does it. Any format that decode.h
/// takes. Throws DataError when none can be read.
InputPictures read_inputs(const std::filesystem::path& input, const data::Crop& crop,
                          std::int64_t resolution, std::int64_t most);

}  // namespace pgan::apps
