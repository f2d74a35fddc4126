#include "data/dataset_json.h"

#include <cmath>

#include "fuzz/targets.h"

namespace pgan::fuzz {

void read_dataset_json(Bytes input) {
  const data::DatasetJson json = data::parse_dataset_json(input, "dataset.json");
  require(json.labels.size() == json.rows.size(), "a row of labels for each name");
  for (const auto& row : json.labels) {
    require(row.size() == json.label_names.size(), "rows of one length");
    for (const float value : row) require(std::isfinite(value), "labels are finite");
  }
}

}  // namespace pgan::fuzz
