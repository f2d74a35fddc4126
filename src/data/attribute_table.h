#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "data/importer.h"
#include "data/row_names.h"

namespace pgan::data {

/// A CSV of attributes, as labels.
struct AttributeTable {
  std::vector<std::string> label_names;
  RowNames rows;
  std::vector<std::vector<float>> labels;  ///< by row
  std::vector<Split> splits;               ///< by row
  std::vector<Skipped> skipped;  ///< rows that cannot be used, by picture, with line and reason
  std::vector<std::string> warnings;
};

/// Reads a CSV whose first column names pictures. Columns of numbers are labels as they are;
/// columns of at most 64 different texts are one-hot, "column=text" in the texts' order; others are
/// left out with a warning. A column named split (or set, partition) holds train/val/test or 0/1/2.
/// A row with an empty cell, with too few or too many, or with no such split is skipped. Throws
/// DataError for what is no such table.
AttributeTable read_attribute_table(const std::filesystem::path& file);

}  // namespace pgan::data
