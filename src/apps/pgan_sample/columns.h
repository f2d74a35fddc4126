#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <torch/types.h>

#include "apps/pgan_sample/settings.h"
#include "models/recipe.h"

namespace pgan::apps {

/// A column of a sheet: the same change of every picture.
struct Column {
  std::string heading;
  torch::Tensor images;  ///< [N,3,R,R] in [-1,1], on the CPU
};

/// Pictures and what is known of their labels.
class LabelledPictures {
 public:
  /// images: [N,3,R,R]. given: what the user says of all of them, of any data sets.
  /// can_recognise: whether the translator has the weights of its recogniser; without it labels
  /// that are not given are 0.
  LabelledPictures(models::Translator& translator, torch::Tensor images, torch::Device device,
                   std::vector<Setting> given, bool can_recognise);

  /// Label vectors [N,width()] of the pictures as those of a data set, on the CPU.
  const torch::Tensor& labels(std::int64_t set);
  /// The picture's labels as far as they were needed: "Male, Young".
  std::string labels_text(std::int64_t picture) const;
  /// As they are, then a column for each attribute, as training's sheets: the other value of a
  /// single one, that one of a group.
  std::vector<Column> each_attribute();
  /// As they are, then a column for each strength: own + strength (target - own) as labels. Empty:
  /// the target alone.
  std::vector<Column> joint(const std::vector<Setting>& settings, std::int64_t set,
                            const std::vector<double>& strengths);

 private:
  torch::Tensor translated(const torch::Tensor& labels);

  models::Translator& translator_;
  torch::Tensor images_;
  torch::Device device_;
  std::vector<Setting> given_;
  bool can_recognise_;
  std::map<std::int64_t, torch::Tensor> labels_;  // by data set
};

}  // namespace pgan::apps
