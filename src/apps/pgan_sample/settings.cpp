#include "apps/pgan_sample/settings.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

#include "core/error.h"

namespace pgan::apps {
namespace {

std::vector<std::string> entries_of(std::string_view text) {
  std::vector<std::string> entries;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string_view entry = text.substr(begin, end - begin);
    while (entry.starts_with(' ')) entry.remove_prefix(1);
    while (entry.ends_with(' ')) entry.remove_suffix(1);
    entries.emplace_back(entry);
    begin = end + 1;
  }
  return entries;
}

/// From 0 to 1, or nothing.
std::optional<double> share_of(std::string_view text) {
  double value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= 0 && value <= 1)) return std::nullopt;
  return value;
}

Setting parse_setting(const std::string& option, const std::string& entry,
                      const models::LabelSets& labels) {
  const std::size_t equals = entry.rfind('=');
  const std::string name = entry.substr(0, equals);
  if (equals == std::string::npos || name.empty()) {
    throw ConfigError(
        option + ": '" + entry +
        "': expected NAME=VALUE, several joined by commas, like Blond_Hair=1,Young=0");
  }
  Setting setting;
  try {
    setting.attribute = labels.index_of(name);
  } catch (const ConfigError& error) {
    throw ConfigError(option + " " + entry + ": " + error.what());
  }
  const std::optional<double> value = share_of(std::string_view(entry).substr(equals + 1));
  if (!value) {
    throw ConfigError(option + " " + entry + ": expected a value from 0 to 1, like " + name + "=1");
  }
  setting.value = *value;
  return setting;
}

void check_groups(const std::string& option, const std::string& text,
                  const std::vector<Setting>& settings, const models::LabelSets& labels) {
  for (const models::LabelGroup& group : labels.groups()) {
    double sum = 0;
    std::string named;
    for (const Setting& setting : settings) {
      if (std::ranges::count(group.members, setting.attribute) == 0) continue;
      sum += setting.value;
      named.append(named.empty() ? "" : " and ");
      named.append(labels.attributes()[static_cast<std::size_t>(setting.attribute)].name);
    }
    if (sum > 1 + 1e-6) {
      throw ConfigError(option + " " + text + ": " + named +
                        " exclude one another: their values may add up to 1, not to " +
                        short_number(sum));
    }
  }
}

}  // namespace

std::vector<Setting> parse_settings(const std::string& option, const std::string& text,
                                    const models::LabelSets& labels) {
  std::vector<Setting> settings;
  for (const std::string& entry : entries_of(text)) {
    const Setting setting = parse_setting(option, entry, labels);
    const auto same = [&](const Setting& other) { return other.attribute == setting.attribute; };
    if (std::ranges::any_of(settings, same))
      throw ConfigError(option + " " + text + ": " + entry + " comes after another value of it");
    settings.push_back(setting);
  }
  check_groups(option, text, settings, labels);
  return settings;
}

std::int64_t common_set(const std::string& option, const std::vector<Setting>& settings,
                        const models::LabelSets& labels) {
  const auto attribute_of = [&](const Setting& setting) {
    return labels.attributes()[static_cast<std::size_t>(setting.attribute)];
  };
  const models::Attribute first = attribute_of(settings.front());
  for (const Setting& setting : settings) {
    const models::Attribute other = attribute_of(setting);
    if (other.set == first.set) continue;
    throw ConfigError(option + ": " + first.name + " and " + other.name +
                      " are labels of different data sets, and a picture is translated by those of "
                      "one; translate twice");
  }
  return first.set;
}

std::vector<double> parse_strengths(const std::string& text) {
  std::vector<double> strengths;
  for (const std::string& entry : entries_of(text)) {
    const std::optional<double> value = share_of(entry);
    if (!value) {
      throw ConfigError("--strength " + text +
                        ": expected numbers from 0 to 1, like 0,0.25,0.5,0.75,1");
    }
    strengths.push_back(*value);
  }
  return strengths;
}

torch::Tensor blank_labels(const models::LabelSets& labels, std::int64_t rows, std::int64_t set) {
  torch::Tensor blank = torch::zeros({rows, labels.width()});
  if (labels.sets() > 1) blank.select(1, labels.count() + set).fill_(1);
  return blank;
}

torch::Tensor with_settings(const torch::Tensor& own, const std::vector<Setting>& settings,
                            const models::LabelSets& labels) {
  torch::Tensor target = own.clone();
  for (const Setting& setting : settings) labels.set(target, setting.attribute, setting.value);
  // One member of a group lowers the others, of which some may be named too.
  for (const Setting& setting : settings) target.select(1, setting.attribute).fill_(setting.value);
  return target;
}

std::string settings_text(const std::vector<Setting>& settings, const models::LabelSets& labels) {
  std::string text;
  for (const Setting& setting : settings) {
    text.append(text.empty() ? "" : ",");
    text.append(labels.attributes()[static_cast<std::size_t>(setting.attribute)].name);
    if (setting.value != 1) text.append("=").append(short_number(setting.value));
  }
  return text;
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace pgan::apps
