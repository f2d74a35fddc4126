#include <algorithm>

#include <torch/nn/functional/loss.h>

#include "core/error.h"
#include "models/label_sets.h"

// What LabelSets does with labels as tensors.
namespace pgan::models {
namespace F = torch::nn::functional;

std::vector<std::int64_t> LabelSets::columns_of(std::int64_t set) const {
  std::vector<std::int64_t> columns;
  for (std::int64_t i = 0; i < count(); ++i) {
    if (attributes_[static_cast<std::size_t>(i)].set == set) columns.push_back(i);
  }
  return columns;
}

torch::Tensor LabelSets::select(const torch::Tensor& labels, std::int64_t set) const {
  torch::Tensor out = torch::zeros({labels.size(0), width()}, labels.options());
  for (const std::int64_t i : columns_of(set)) {
    const Attribute& attribute = attributes_[static_cast<std::size_t>(i)];
    if (attribute.source < 0 || attribute.source >= labels.size(1)) {
      throw Error(ExitCode::internal, "labels of another data set than the model was made for");
    }
    const torch::Tensor value = labels.select(1, attribute.source);
    out.select(1, i).copy_((value >= attribute.low).logical_and(value < attribute.high));
  }
  if (sets_ > 1) out.select(1, count() + set).fill_(1);
  return out;
}

torch::Tensor LabelSets::loss(const torch::Tensor& logits, const torch::Tensor& labels,
                              std::int64_t set, const torch::Tensor& weights) const {
  torch::Tensor total = torch::zeros({}, logits.options());
  std::vector<std::int64_t> single = columns_of(set);
  for (const LabelGroup& group : groups_) {
    if (!group.categorical || std::ranges::count(single, group.members[0]) == 0) continue;
    const torch::Tensor members = torch::tensor(group.members, logits.device());
    std::erase_if(single, [&](std::int64_t i) { return std::ranges::count(group.members, i) > 0; });
    const torch::Tensor target = labels.index_select(1, members).argmax(1);
    total = total + F::cross_entropy(logits.index_select(1, members), target);
  }
  if (single.empty()) return total;
  const torch::Tensor columns = torch::tensor(single, logits.device());
  const torch::Tensor wanted = labels.index_select(1, columns);
  torch::Tensor each = torch::binary_cross_entropy_with_logits(logits.index_select(1, columns),
                                                               wanted, {}, {}, at::Reduction::None);
  if (weights.defined()) {
    const torch::Tensor of = weights.to(each.options()).index_select(1, columns);
    each = each * (of[0] * (1 - wanted) + of[1] * wanted);
  }
  return total + each.sum(1).mean();
}

torch::Tensor LabelSets::decide(const torch::Tensor& logits, std::int64_t set) const {
  torch::Tensor out = torch::zeros({logits.size(0), width()}, logits.options());
  for (const std::int64_t i : columns_of(set)) out.select(1, i).copy_(logits.select(1, i) > 0);
  for (const LabelGroup& group : groups_) {
    if (!group.categorical || attributes_[static_cast<std::size_t>(group.members[0])].set != set)
      continue;
    const torch::Tensor members = torch::tensor(group.members, logits.device());
    const torch::Tensor best = logits.index_select(1, members).argmax(1);
    for (std::int64_t i = 0; i < members.numel(); ++i)
      out.select(1, group.members[static_cast<std::size_t>(i)]).copy_(best == i);
  }
  if (sets_ > 1) out.select(1, count() + set).fill_(1);
  return out;
}

void LabelSets::set(torch::Tensor& labels, std::int64_t attribute, double value) const {
  const std::int64_t set = attributes_[static_cast<std::size_t>(attribute)].set;
  if (sets_ > 1 && !labels.select(1, count() + set).eq(1).all().item<bool>()) {
    labels = torch::zeros_like(labels);  // of another set nothing is known
    labels.select(1, count() + set).fill_(1);
  }
  if (const LabelGroup* group = group_of(attribute)) {
    for (const std::int64_t other : group->members) {
      if (other != attribute) labels.select(1, other).mul_(1 - value);
    }
  }
  labels.select(1, attribute).fill_(value);
}

torch::Tensor LabelSets::flipped(const torch::Tensor& labels, std::int64_t attribute) const {
  torch::Tensor target = labels.clone();
  const std::int64_t set = attributes_[static_cast<std::size_t>(attribute)].set;
  const bool other_set = sets_ > 1 && !labels.select(1, count() + set).eq(1).all().item<bool>();
  if (group_of(attribute) != nullptr || other_set) {
    this->set(target, attribute, 1);
  } else {
    target.select(1, attribute).mul_(-1).add_(1);
  }
  return target;
}

}  // namespace pgan::models
