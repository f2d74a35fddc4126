#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "data/row_names.h"

namespace pgan::data {

/// The labels of StyleGAN's dataset.json.
struct DatasetJson {
  bool labelled = false;  ///< false: "labels" is null or absent
  std::vector<std::string> label_names;
  RowNames rows;
  std::vector<std::vector<float>> labels;  ///< by row: one-hot for classes, else the numbers
};

/// The largest dataset.json that is read.
inline constexpr std::size_t kMaxDatasetJson = std::size_t{256} << 20;

/// Reads {"labels": null | [[path, class], ...] | [[path, [number, ...]], ...]}; other members are
/// ignored. Classes are whole numbers below kMaxClasses; all entries are of one kind and length.
/// Throws DataError naming `name` and the entry.
DatasetJson parse_dataset_json(std::span<const std::uint8_t> text, const std::string& name);

}  // namespace pgan::data
