#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "models/label_sets.h"
#include "models/recipe.h"

namespace pgan::apps {

/// An attribute that a translating model changes and a judge knows.
struct SharedAttribute {
  std::string name = {};
  std::int64_t set = 0;  ///< data set of the translating model
  std::int64_t column = 0;
  std::int64_t judge_set = 0, judge_column = 0;
  bool grouped = false;  ///< in a group: turned on, never off
};

/// Those of both, in the model's order; matched by name.
std::vector<SharedAttribute> shared_attributes(const models::LabelSets& model,
                                               const models::LabelSets& judge);

/// What the judge finds in pictures whose attribute was changed.
struct ChangeScore {
  double pictures = 0, found_before = 0, found_after = 0;
  /// Of other attributes, each picture's that the change leaves alone: how many in all, wrong
  /// before, wrong after, and seen otherwise after than before.
  double others = 0, others_wrong_before = 0, others_wrong_after = 0, others_changed = 0;
  double reconstruction_l1 = 0;  ///< sum over the pictures of the mean over pixels, of [-1,1]
};

/// Counts over pictures of one attribute.
struct AttributeScore {
  double with = 0, found_with = 0;        ///< pictures labelled with it; where the judge finds it
  double without = 0, found_without = 0;  ///< the same of those labelled without
  ChangeScore on, off;                    ///< turned on where it was not; off where it was

  double pictures() const { return with + without; }
  double accuracy() const { return (found_with + without - found_without) / pictures(); }
  /// Mean of the two values' accuracies; NaN without pictures of both.
  double balanced_accuracy() const { return (found_with / with + 1 - found_without / without) / 2; }
};

/// Scores translations of labelled pictures by a judge: whether it finds the wanted attributes.
class TranslationScorer {
 public:
  /// truth: the model's labels, by name, with the packs' columns. All must outlive this object.
  TranslationScorer(models::Translator& model, models::Classifier& judge,
                    const models::LabelSets& truth);

  const std::vector<SharedAttribute>& shared() const { return shared_; }
  /// images: [N,3,R,R] in [-1,1]; labels: [N,C] of the data set, same device. Returns sums over the
  /// pictures as float64 [shared, kSums] on the CPU, to be added up.
  torch::Tensor score(const torch::Tensor& images, const torch::Tensor& labels, std::int64_t set);
  static constexpr std::int64_t kSums = 20;
  /// From sums [kSums] of one attribute.
  static AttributeScore score_of(const torch::Tensor& sums);

 private:
  torch::Tensor judged(const torch::Tensor& images, std::int64_t set);
  ChangeScore change(const SharedAttribute& attribute, double value, const torch::Tensor& images,
                     const torch::Tensor& own, const torch::Tensor& before);

  models::Translator& model_;
  models::Classifier& judge_;
  const models::LabelSets& truth_;
  std::vector<SharedAttribute> shared_;
};

/// A share with its 95 % interval (Wilson 1927). All NaN without trials.
struct Rate {
  double value = 0, low = 0, high = 0;
};
Rate rate_of(double successes, double trials);

}  // namespace pgan::apps
