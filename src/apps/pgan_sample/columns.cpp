#include "apps/pgan_sample/columns.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace pgan::apps {
namespace {

constexpr std::int64_t kBatch = 16;

/// A function of some rows, applied to all of them.
torch::Tensor in_batches(std::int64_t rows,
                         const std::function<torch::Tensor(std::int64_t, std::int64_t)>& of_rows) {
  std::vector<torch::Tensor> parts;
  for (std::int64_t begin = 0; begin < rows; begin += kBatch)
    parts.push_back(of_rows(begin, std::min(begin + kBatch, rows)).cpu());
  return torch::cat(parts);
}

}  // namespace

LabelledPictures::LabelledPictures(models::Translator& translator, torch::Tensor images,
                                   torch::Device device, std::vector<Setting> given,
                                   bool can_recognise)
    : translator_(translator),
      images_(std::move(images)),
      device_(device),
      given_(std::move(given)),
      can_recognise_(can_recognise) {}

const torch::Tensor& LabelledPictures::labels(std::int64_t set) {
  const auto known = labels_.find(set);
  if (known != labels_.end()) return known->second;
  const models::LabelSets& sets = translator_.labels();
  torch::Tensor own = blank_labels(sets, images_.size(0), set);
  if (can_recognise_) {
    own = in_batches(images_.size(0), [&](std::int64_t begin, std::int64_t end) {
      return translator_.recognised(images_.slice(0, begin, end).to(device_), set);
    });
  }
  std::vector<Setting> of_set;
  for (const Setting& setting : given_) {
    if (sets.attributes()[static_cast<std::size_t>(setting.attribute)].set == set)
      of_set.push_back(setting);
  }
  return labels_[set] = with_settings(own, of_set, sets);
}

std::string LabelledPictures::labels_text(std::int64_t picture) const {
  const std::vector<models::Attribute>& attributes = translator_.labels().attributes();
  std::string text;
  for (const auto& [set, labels] : labels_) {
    for (const std::int64_t i : translator_.labels().columns_of(set)) {
      const double value = labels[picture][i].item<double>();
      if (value == 0) continue;
      text.append(text.empty() ? "" : ", ").append(attributes[static_cast<std::size_t>(i)].name);
      if (value != 1) text.append("=").append(short_number(value));
    }
  }
  return text.empty() ? "none" : text;
}

torch::Tensor LabelledPictures::translated(const torch::Tensor& labels) {
  return in_batches(images_.size(0), [&](std::int64_t begin, std::int64_t end) {
    return translator_.translate(images_.slice(0, begin, end).to(device_),
                                 labels.slice(0, begin, end).to(device_));
  });
}

std::vector<Column> LabelledPictures::each_attribute() {
  std::vector<Column> columns{{"Input", images_}};
  const models::LabelSets& sets = translator_.labels();
  for (std::int64_t i = 0; i < sets.count(); ++i) {
    const models::Attribute& attribute = sets.attributes()[static_cast<std::size_t>(i)];
    columns.push_back({attribute.name, translated(sets.flipped(labels(attribute.set), i))});
  }
  return columns;
}

std::vector<Column> LabelledPictures::joint(const std::vector<Setting>& settings, std::int64_t set,
                                            const std::vector<double>& strengths) {
  std::vector<Column> columns{{"Input", images_}};
  const torch::Tensor& own = labels(set);
  const torch::Tensor target = with_settings(own, settings, translator_.labels());
  const std::string text = settings_text(settings, translator_.labels());
  if (strengths.empty()) columns.push_back({text, translated(target)});
  for (const double strength : strengths) {
    std::string heading = text;
    heading.append(" ").append(short_number(strength));
    columns.push_back({heading, translated(torch::lerp(own, target, strength))});
  }
  return columns;
}

}  // namespace pgan::apps
