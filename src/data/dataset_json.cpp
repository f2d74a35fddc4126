#include "data/dataset_json.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/folder_labels.h"
#include "data/printable.h"

namespace pgan::data {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxNumbers = 4096;

[[noreturn]] void bad_entry(const std::string& name, std::size_t entry, const std::string& what) {
  throw DataError(name + ": labels[" + std::to_string(entry) + "]: " + what);
}

/// Lists and objects are not written out: that follows their levels down the stack, however many a
/// file has.
std::string shown(const json& value) {
  if (value.is_structured()) return value.type_name();
  return printable(value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 60));
}

std::size_t parse_class(const json& value, const std::string& name, std::size_t entry) {
  const bool fits = value.is_number_unsigned() && value.get<std::uint64_t>() < kMaxClasses;
  if (!fits) {
    bad_entry(name, entry,
              "expected a class from 0 to " + std::to_string(kMaxClasses - 1) +
                  " as the other entries have, found " + shown(value));
  }
  return value.get<std::size_t>();
}

std::vector<float> parse_numbers(const json& value, std::size_t length, const std::string& name,
                                 std::size_t entry) {
  if (!value.is_array() || value.size() != length) {
    bad_entry(name, entry,
              "expected a list of " + std::to_string(length) +
                  " numbers as the first entry has, found " + shown(value));
  }
  std::vector<float> numbers;
  for (const json& number : value) {
    const float parsed = number.is_number() ? number.get<float>() : NAN;
    if (!std::isfinite(parsed)) bad_entry(name, entry, "expected numbers, found " + shown(number));
    numbers.push_back(parsed);
  }
  return numbers;
}

void check_entry(const json& entry, const std::string& name, std::size_t i) {
  if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string()) {
    bad_entry(name, i, "expected [path, label], found " + shown(entry));
  }
}

void parse_entries(const json& entries, const std::string& name, DatasetJson& out) {
  check_entry(entries[0], name, 0);
  const bool classes = !entries[0][1].is_array();
  const std::size_t length = classes ? 0 : entries[0][1].size();
  if (length > kMaxNumbers)
    bad_entry(name, 0, "more than " + std::to_string(kMaxNumbers) + " numbers");
  std::vector<std::size_t> class_of;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const json& entry = entries[i];
    check_entry(entry, name, i);
    const auto& path = entry[0].get_ref<const std::string&>();
    if (!out.rows.add(path)) bad_entry(name, i, "second entry of " + printable(path));
    if (classes) {
      class_of.push_back(parse_class(entry[1], name, i));
    } else {
      out.labels.push_back(parse_numbers(entry[1], length, name, i));
    }
  }
  const std::size_t count =
      classes ? *std::max_element(class_of.begin(), class_of.end()) + 1 : length;
  for (const std::size_t label : class_of) out.labels.push_back(one_hot(count, label));
  for (std::size_t i = 0; i < count; ++i) out.label_names.push_back(std::to_string(i));
}

}  // namespace

DatasetJson parse_dataset_json(std::span<const std::uint8_t> text, const std::string& name) {
  if (text.size() > kMaxDatasetJson) throw DataError(name + ": more than 256 MiB");
  const json document = json::parse(text.begin(), text.end(), nullptr, false);
  if (!document.is_object()) {
    throw DataError(name + ": expected a JSON object with \"labels\"");
  }
  DatasetJson out;
  const auto labels = document.find("labels");
  if (labels == document.end() || labels->is_null()) return out;
  if (!labels->is_array()) {
    throw DataError(name + ": \"labels\": expected null or [[path, label], ...], found " +
                    shown(*labels));
  }
  if (labels->empty()) return out;
  parse_entries(*labels, name, out);
  out.labelled = true;
  return out;
}

}  // namespace pgan::data
