#include "apps/pgan_eval/translation_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace pgan::apps {
namespace {

/// Calls visit(member) in a fixed order.
template <class Score, class Visit>
void each_sum(Score& score, Visit visit) {
  for (auto* sum : {&score.with, &score.found_with, &score.without, &score.found_without})
    visit(*sum);
  for (auto* change : {&score.on, &score.off}) {
    for (auto* sum : {&change->pictures, &change->found_before, &change->found_after,
                      &change->others, &change->others_wrong_before, &change->others_wrong_after,
                      &change->others_changed, &change->reconstruction_l1})
      visit(*sum);
  }
}

torch::Tensor as_tensor(const AttributeScore& score) {
  std::vector<double> sums;
  each_sum(score, [&](double sum) { sums.push_back(sum); });
  return torch::tensor(sums, torch::kFloat64);
}

double count(const torch::Tensor& which) {
  return static_cast<double>(which.sum().item<std::int64_t>());
}

}  // namespace

std::vector<SharedAttribute> shared_attributes(const models::LabelSets& model,
                                               const models::LabelSets& judge) {
  std::vector<SharedAttribute> shared;
  const std::vector<std::string> known = judge.names();
  for (std::int64_t i = 0; i < model.count(); ++i) {
    const models::Attribute& attribute = model.attributes()[static_cast<std::size_t>(i)];
    const auto found = std::ranges::find(known, attribute.name);
    if (found == known.end()) continue;
    const std::int64_t column = found - known.begin();
    const bool grouped = std::ranges::any_of(model.groups(), [&](const models::LabelGroup& group) {
      return std::ranges::count(group.members, i) > 0;
    });
    shared.push_back({attribute.name, attribute.set, i,
                      judge.attributes()[static_cast<std::size_t>(column)].set, column, grouped});
  }
  return shared;
}

TranslationScorer::TranslationScorer(models::Translator& model, models::Classifier& judge,
                                     const models::LabelSets& truth)
    : model_(model),
      judge_(judge),
      truth_(truth),
      shared_(shared_attributes(truth, judge.labels())) {}

/// bool [N,shared]: what the judge finds in pictures of one of the model's data sets.
torch::Tensor TranslationScorer::judged(const torch::Tensor& images, std::int64_t set) {
  std::map<std::int64_t, torch::Tensor> by_set;  // of the judge
  torch::Tensor found = torch::zeros({images.size(0), std::ssize(shared_)},
                                     torch::TensorOptions(torch::kBool).device(images.device()));
  for (std::int64_t i = 0; i < std::ssize(shared_); ++i) {
    const SharedAttribute& attribute = shared_[static_cast<std::size_t>(i)];
    if (attribute.set != set) continue;
    torch::Tensor& of_set = by_set[attribute.judge_set];
    if (!of_set.defined()) of_set = judge_.recognised(images, attribute.judge_set);
    found.select(1, i).copy_(of_set.select(1, attribute.judge_column) > 0.5);
  }
  return found;
}

/// images: without the attribute for value 1, with it for 0; own: their labels; before: what the
/// judge finds in them.
ChangeScore TranslationScorer::change(const SharedAttribute& attribute, double value,
                                      const torch::Tensor& images, const torch::Tensor& own,
                                      const torch::Tensor& before) {
  ChangeScore score;
  if (images.size(0) == 0) return score;
  torch::Tensor wanted = own.clone();
  truth_.set(wanted, attribute.column, value);
  const torch::Tensor fake = model_.translate(images, wanted);
  const torch::Tensor after = judged(fake, attribute.set);
  const torch::Tensor back = model_.translate(fake, own);
  score.pictures = static_cast<double>(images.size(0));
  score.reconstruction_l1 =
      (images - back).abs().to(torch::kFloat64).mean({1, 2, 3}).sum().item<double>();
  for (std::int64_t i = 0; i < std::ssize(shared_); ++i) {
    const SharedAttribute& other = shared_[static_cast<std::size_t>(i)];
    if (other.set != attribute.set) continue;
    const torch::Tensor was = before.select(1, i), is = after.select(1, i);
    if (other.column == attribute.column) {
      score.found_before = count(was);
      score.found_after = count(is);
      continue;
    }
    const torch::Tensor label = own.select(1, other.column);
    const torch::Tensor kept = label == wanted.select(1, other.column);
    score.others += count(kept);
    score.others_wrong_before += count(kept.logical_and(was != (label > 0.5)));
    score.others_wrong_after += count(kept.logical_and(is != (label > 0.5)));
    score.others_changed += count(kept.logical_and(is != was));
  }
  return score;
}

torch::Tensor TranslationScorer::score(const torch::Tensor& images, const torch::Tensor& labels,
                                       std::int64_t set) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor own = truth_.select(labels, set), found = judged(images, set);
  std::vector<torch::Tensor> sums;
  for (std::int64_t i = 0; i < std::ssize(shared_); ++i) {
    const SharedAttribute& attribute = shared_[static_cast<std::size_t>(i)];
    AttributeScore score;
    if (attribute.set == set) {
      const torch::Tensor with = own.select(1, attribute.column) > 0.5;
      const torch::Tensor finds = found.select(1, i);
      score.with = count(with);
      score.found_with = count(with.logical_and(finds));
      score.without = static_cast<double>(images.size(0)) - score.with;
      score.found_without = count(finds) - score.found_with;
      const auto changed = [&](double value, const torch::Tensor& which) {
        const torch::Tensor rows = which.nonzero().flatten();
        return change(attribute, value, images.index_select(0, rows), own.index_select(0, rows),
                      found.index_select(0, rows));
      };
      score.on = changed(1, with.logical_not());
      if (!attribute.grouped) score.off = changed(0, with);
    }
    sums.push_back(as_tensor(score));
  }
  return torch::stack(sums);
}

AttributeScore TranslationScorer::score_of(const torch::Tensor& sums) {
  AttributeScore score;
  std::int64_t i = 0;
  each_sum(score, [&](double& sum) { sum = sums[i++].item<double>(); });
  return score;
}

Rate rate_of(double successes, double trials) {
  constexpr double kZ = 1.959963984540054;  // of the normal distribution, 2.5 % above
  if (trials <= 0) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    return {kNone, kNone, kNone};
  }
  const double p = successes / trials, z2 = kZ * kZ / trials;
  const double middle = (p + z2 / 2) / (1 + z2);
  const double half = kZ * std::sqrt(p * (1 - p) / trials + z2 / (4 * trials)) / (1 + z2);
  return {p, std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

}  // namespace pgan::apps
