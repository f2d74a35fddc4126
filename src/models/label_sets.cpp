#include "models/label_sets.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/option_set.h"

namespace pgan::models {
namespace {

/// Choi et al. 2018, section 5.1; the published code knows gray hair too.
constexpr const char* kPublished[] = {"Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"};
constexpr const char* kHair[] = {"Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"};
constexpr std::size_t kMostByDefault = 64, kMostNamed = 60;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string joined(const std::vector<std::string>& parts, const char* separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

struct Range {
  std::string label;
  double low = -kInfinity, high = kInfinity;
};

/// "age<18", "18<=age<45" or "age>=45"; nothing for any other text.
std::optional<Range> parse_range(const std::string& item) {
  Range range;
  std::string rest = item;
  if (const std::size_t at = rest.find(">="); at != std::string::npos) {
    const auto low = number_of(rest.substr(at + 2));
    if (!low) return {};
    return Range{rest.substr(0, at), *low, kInfinity};
  }
  if (const std::size_t at = rest.find("<="); at != std::string::npos) {
    const auto low = number_of(rest.substr(0, at));
    if (!low) return {};
    range.low = *low;
    rest = rest.substr(at + 2);
  }
  const std::size_t at = rest.find('<');
  if (at == std::string::npos) return {};
  const auto high = number_of(rest.substr(at + 1));
  if (!high) return {};
  range.label = rest.substr(0, at);
  range.high = *high;
  return range;
}

/// "age:18:45" -> "age<18", "18<=age<45", "age>=45"; nothing for any other text.
std::vector<std::string> parse_classes(const std::string& item) {
  const std::vector<std::string> parts = split(item, ':');
  if (parts.size() < 2) return {};
  std::vector<std::string> classes{parts[0] + "<" + parts[1]};
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto edge = number_of(parts[i]), before = i > 1 ? number_of(parts[i - 1]) : -kInfinity;
    if (!edge || !(*before < *edge)) {
      throw ConfigError("--attributes " + item +
                        ": expected ascending numbers between colons, like age:18:45");
    }
    std::string name = parts[0];
    if (i + 1 < parts.size()) {
      classes.push_back(parts[i] + "<=" + name + "<" + parts[i + 1]);
    } else {
      classes.push_back(name.append(">=").append(parts[i]));
    }
  }
  return classes;
}

const LabelFact* find_label(const DataFacts& facts, const std::string& name) {
  const auto found = std::ranges::find(facts.labels, name, &LabelFact::name);
  return found == facts.labels.end() ? nullptr : &*found;
}

std::string label_list(const DataFacts& facts) {
  std::vector<std::string> names;
  for (const LabelFact& label : facts.labels) names.push_back(label.name);
  const std::size_t more = names.size() - std::min(names.size(), kMostNamed);
  names.resize(names.size() - more);
  return joined(names, ", ") + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

std::vector<std::string> default_attributes(const DataFacts& facts) {
  std::vector<std::string> names;
  for (const char* name : kPublished) {
    if (find_label(facts, name) != nullptr) names.emplace_back(name);
  }
  if (names.size() == std::size(kPublished)) return names;
  names.clear();
  for (const LabelFact& label : facts.labels) {
    if (label.binary) names.push_back(label.name);
  }
  if (names.empty() || names.size() > kMostByDefault) {
    throw ConfigError("the pack " + facts.name + " has " + std::to_string(names.size()) +
                      " labels of 0 and 1: choose with --attributes A,B,…" +
                      (facts.labels.empty() ? "" : " among " + label_list(facts)));
  }
  return names;
}

}  // namespace

void LabelOptions::visit(OptionVisitor& visitor) {
  visitor.field(
      "attributes", attributes,
      "labels of the pack to go by, e.g. Male,Young; or ranges of a number, age:18:45; once "
      "for each --data, in order; default: the five published of CelebA, else all of 0 and "
      "1");
  visitor.field(
      "exclusive", exclusive,
      "attributes of which one at most is set, so that choosing one clears the others; may "
      "be given several times; none: no such group; default: the hair colours");
  visitor.field("categorical", categorical,
                "attributes of which exactly one is set, learnt by cross-entropy; may be given "
                "several times; default: data sets whose records have one label each, and ranges");
}

LabelSets::LabelSets(const LabelOptions& options, const std::vector<DataFacts>& facts)
    : sets_(
          std::ssize(facts.empty() ? options.attributes : std::vector<std::string>(facts.size()))) {
  if (sets_ == 0) throw ConfigError("--attributes is missing: the labels' names, like Male,Young");
  if (std::ssize(options.attributes) > sets_) {
    throw ConfigError("--attributes is given " + std::to_string(options.attributes.size()) +
                      " times for " + std::to_string(sets_) +
                      " data sets: expected once for each --data, in order");
  }
  for (std::size_t set = 0; set < static_cast<std::size_t>(sets_); ++set) {
    const DataFacts* of_set = facts.empty() ? nullptr : &facts[set];
    set_names_.push_back(of_set == nullptr ? std::to_string(set) : of_set->name);
    add_set(set < options.attributes.size() ? options.attributes[set] : "default", of_set);
  }
  shares_.assign(attributes_.size(), 0.5);
  add_groups(options, facts);
  if (facts.empty()) return;
  note_choice();
  note_constants(facts);
}

void LabelSets::add_set(const std::string& entry, const DataFacts* facts) {
  std::vector<std::string> items = split(entry, ',');
  if (entry == "default" && facts != nullptr) items = default_attributes(*facts);
  for (const std::string& item : items) add_item(item, facts);
}

/// Of this set's labels: sets_names_ has its name last.
void LabelSets::add_item(const std::string& item, const DataFacts* facts) {
  const bool is_label = facts != nullptr && find_label(*facts, item) != nullptr;
  const auto classes = is_label ? std::vector<std::string>() : parse_classes(item);
  if (classes.empty()) return add_attribute(item, facts);
  for (const std::string& one : classes) add_attribute(one, facts);
  add_group(classes, true);
}

void LabelSets::add_attribute(const std::string& item, const DataFacts* facts) {
  if (item.empty()) throw ConfigError("--attributes: an empty name between commas or at an end");
  if (item.find_first_of(",:\n") != std::string::npos) {
    throw ConfigError("the label '" + item +
                      "' has a comma, colon or line break in its name, which options and files of "
                      "names cannot hold: pack the data under other names, or choose others with "
                      "--attributes");
  }
  Attribute attribute{item, std::ssize(set_names_) - 1};
  const auto range = parse_range(item);
  const LabelFact* label = facts == nullptr ? nullptr : find_label(*facts, item);
  if (facts != nullptr && label == nullptr && range) label = find_label(*facts, range->label);
  if (facts != nullptr && label == nullptr) {
    throw ConfigError("--attributes " + item + ": the pack " + facts->name +
                      (facts->labels.empty() ? " has no labels"
                                             : " has no such label; it has " + label_list(*facts)));
  }
  if (label != nullptr) attribute.source = label - facts->labels.data();
  if (range && (label == nullptr || label->name != item)) {
    attribute.low = range->low;
    attribute.high = range->high;
  } else if (label != nullptr && !label->binary) {
    throw ConfigError("--attributes " + item + ": that label has values from " +
                      exact_text(label->low) + " to " + exact_text(label->high) +
                      ", not 0 and 1: " + "give ranges, like " + item + ":" +
                      exact_text(std::round(label->mean)));
  }
  if (std::ranges::find(attributes_, item, &Attribute::name) != attributes_.end()) {
    throw ConfigError("--attributes " + item +
                      " is there twice; an attribute belongs to one data set: leave it out of "
                      "the other");
  }
  attributes_.push_back(std::move(attribute));
}

void LabelSets::add_groups(const LabelOptions& options, const std::vector<DataFacts>& facts) {
  for (const std::string& group : options.categorical) {
    if (group == "none") continue;
    add_group(split(group, ','), true);
    check_claim(group, facts);
  }
  for (const std::string& group : options.exclusive) {
    if (group == "none") continue;
    add_group(split(group, ','), false);
    check_claim(group, facts);
  }
  for (std::size_t set = 0; options.categorical.empty() && set < facts.size(); ++set) {
    const std::vector<std::int64_t> columns = columns_of(static_cast<std::int64_t>(set));
    std::vector<std::string> all;
    for (const std::int64_t i : columns)
      all.push_back(attributes_[static_cast<std::size_t>(i)].name);
    if (facts[set].one_of_n && all.size() == facts[set].labels.size()) add_group(all, true);
  }
  if (!options.exclusive.empty()) return;
  std::vector<std::string> hair;
  for (const char* name : kHair) {
    const auto found = std::ranges::find(attributes_, name, &Attribute::name);
    if (found != attributes_.end() && group_of(found - attributes_.begin()) == nullptr)
      hair.emplace_back(name);
  }
  if (hair.size() > 1) add_group(hair, false);
}

/// The last group, as the user gave it.
void LabelSets::check_claim(const std::string& names, const std::vector<DataFacts>& facts) const {
  if (facts.empty()) return;
  double mean = 0;
  for (const std::int64_t i : groups_.back().members) {
    const Attribute& attribute = attributes_[static_cast<std::size_t>(i)];
    const LabelFact& label = facts[static_cast<std::size_t>(attribute.set)]
                                 .labels[static_cast<std::size_t>(attribute.source)];
    if (!label.binary) return;  // ranges of a number
    mean += label.mean;
  }
  const bool categorical = groups_.back().categorical;
  if (categorical ? std::abs(mean - 1) < 1e-3 : mean < 1 + 1e-3) return;
  throw ConfigError(
      (categorical ? "--categorical " : "--exclusive ") + names + ": the records have " +
      exact_text(std::round(mean * 1000) / 1000) + " of them set on average, expected " +
      (categorical ? "exactly one each; --exclusive is for one at most" : "one at most"));
}

void LabelSets::add_group(const std::vector<std::string>& names, bool categorical) {
  LabelGroup group{{}, categorical};
  const std::string option = categorical ? "--categorical " : "--exclusive ";
  for (const std::string& name : names) {
    if (name.empty()) throw ConfigError(option + joined(names, ",") + ": an empty name");
    const std::int64_t index = index_of(name);
    const auto& first = attributes_[static_cast<std::size_t>(
        group.members.empty() ? index : group.members.front())];
    if (attributes_[static_cast<std::size_t>(index)].set != first.set) {
      throw ConfigError(option + joined(names, ",") + ": " + name + " and " + first.name +
                        " are of different data sets");
    }
    if (group_of(index) != nullptr || std::ranges::count(group.members, index) > 0) {
      throw ConfigError(option + joined(names, ",") + ": " + name + " is in a group already");
    }
    group.members.push_back(index);
  }
  if (group.members.size() < 2) {
    throw ConfigError(option + joined(names, ",") +
                      ": expected two attributes or more, like A,B,C");
  }
  groups_.push_back(std::move(group));
}

void LabelSets::note_choice() {
  for (std::int64_t set = 0; set < sets_; ++set) {
    std::vector<std::string> of_set;
    for (const std::int64_t i : columns_of(set))
      of_set.push_back(attributes_[static_cast<std::size_t>(i)].name);
    notes_.push_back("labels of " + set_names_[static_cast<std::size_t>(set)] + ": " +
                     joined(of_set, ", "));
  }
  for (const LabelGroup& group : groups_) {
    std::vector<std::string> members;
    for (const std::int64_t i : group.members)
      members.push_back(attributes_[static_cast<std::size_t>(i)].name);
    notes_.push_back((group.categorical ? "one of " : "one at most of ") + joined(members, ", "));
  }
}

void LabelSets::note_constants(const std::vector<DataFacts>& facts) {
  for (std::size_t i = 0; i < attributes_.size(); ++i) {
    const Attribute& attribute = attributes_[i];
    const DataFacts& data = facts[static_cast<std::size_t>(attribute.set)];
    const LabelFact& label = data.labels[static_cast<std::size_t>(attribute.source)];
    if (label.binary && attribute.low == 0.5) shares_[i] = label.mean;
    const bool never = label.high < attribute.low || label.low >= attribute.high;
    const bool always = label.low >= attribute.low && label.high < attribute.high;
    if (!never && !always) continue;
    notes_.push_back("warning: " + attribute.name + " is " + (always ? "set" : "not set") +
                     " in all records of " + data.name + ": nothing can be learnt of it");
  }
}

const LabelGroup* LabelSets::group_of(std::int64_t attribute) const {
  for (const LabelGroup& group : groups_) {
    if (std::ranges::count(group.members, attribute) > 0) return &group;
  }
  return nullptr;
}

std::vector<std::string> LabelSets::names() const {
  std::vector<std::string> names;
  for (const Attribute& attribute : attributes_) names.push_back(attribute.name);
  return names;
}

std::int64_t LabelSets::index_of(std::string_view name) const {
  const auto found = std::ranges::find(attributes_, name, &Attribute::name);
  if (found != attributes_.end()) return found - attributes_.begin();
  throw ConfigError("no attribute " + std::string(name) + ": there is " + joined(names(), ", "));
}

std::string LabelSets::json() const {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (std::int64_t set = 0; set < sets_; ++set) {
    nlohmann::ordered_json entry{{"set", set_names_[static_cast<std::size_t>(set)]}};
    for (const std::int64_t i : columns_of(set))
      entry["attributes"].push_back(attributes_[static_cast<std::size_t>(i)].name);
    for (const char* kind : {"exclusive", "categorical"})
      entry[kind] = nlohmann::ordered_json::array();
    for (const LabelGroup& group : groups_) {
      if (attributes_[static_cast<std::size_t>(group.members[0])].set != set) continue;
      std::vector<std::string> members;
      for (const std::int64_t i : group.members)
        members.push_back(attributes_[static_cast<std::size_t>(i)].name);
      entry[group.categorical ? "categorical" : "exclusive"].push_back(members);
    }
    json.push_back(std::move(entry));
  }
  return json.dump();
}

std::map<std::string, std::string> LabelSets::values_from(const std::string& text) {
  std::vector<std::string> attributes, exclusive, categorical;
  try {
    for (const auto& set : nlohmann::json::parse(text)) {
      using Names = std::vector<std::string>;
      attributes.push_back(joined(set.at("attributes").get<Names>(), ","));
      for (const auto& group : set.at("exclusive"))
        exclusive.push_back(joined(group.get<Names>(), ","));
      for (const auto& group : set.at("categorical"))
        categorical.push_back(joined(group.get<Names>(), ","));
    }
  } catch (const nlohmann::json::exception&) {
    throw ConfigError(
        "labels that cannot be read: expected a list of {attributes, exclusive, categorical}");
  }
  const auto or_none = [](const std::vector<std::string>& groups) {
    return groups.empty() ? "none" : joined(groups, "\n");
  };
  return {{"attributes", joined(attributes, "\n")},
          {"exclusive", or_none(exclusive)},
          {"categorical", or_none(categorical)}};
}

}  // namespace pgan::models
