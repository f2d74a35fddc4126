#include "data/folder_labels.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "data/row_names.h"
#include "data/table_reader.h"

namespace pgan::data {
namespace {

bool is_number_folder(std::string_view name) {
  return name.size() == 5 && std::all_of(name.begin(), name.end(),
                                         [](unsigned char c) { return std::isdigit(c) != 0; });
}

bool set_splits(Listing& listing) {
  for (const Source& source : listing.sources) {
    const auto split = split_by_name(folder_of(source.key, 0));
    if (!split) return false;
  }
  for (Source& source : listing.sources) source.split = *split_by_name(folder_of(source.key, 0));
  return true;
}

/// Names of the class folders at this depth; empty if they are none, with the reason in warnings.
std::vector<std::string> class_names(Listing& listing, std::size_t depth) {
  std::set<std::string, std::less<>> names;
  std::size_t outside = 0;
  std::string_view example, last;
  for (const Source& source : listing.sources) {
    const std::string_view name = folder_of(source.key, depth);
    if (name.empty() && source.split == Split::train && outside++ == 0) example = source.key;
    if (!name.empty() && name != last) names.emplace(name);
    last = name;
  }
  if (names.size() < 2) return {};
  if (outside > 0) {
    warn_of(listing, outside, "pictures lie beside the folders, so the folders are no classes",
            example);
    return {};
  }
  if (std::all_of(names.begin(), names.end(), is_number_folder)) return {};
  if (names.size() > kMaxClasses) {
    warn_of(listing, names.size(),
            "folders are more than the " + with_commas(kMaxClasses) +
                " classes there can be: packed without labels",
            *names.begin());
    return {};
  }
  return {names.begin(), names.end()};
}

}  // namespace

std::optional<Split> split_by_name(std::string_view name) {
  const std::string lower = lower_case(name);
  if (lower == "train" || lower == "training") return Split::train;
  if (lower == "val" || lower == "valid" || lower == "validation" || lower == "dev") {
    return Split::validation;
  }
  if (lower == "test" || lower == "testing") return Split::test;
  return std::nullopt;
}

std::vector<float> one_hot(std::size_t count, std::size_t index) {
  std::vector<float> values(count, 0.0f);
  values[index] = 1.0f;
  return values;
}

std::string_view folder_of(std::string_view key, std::size_t depth) {
  for (; depth > 0; --depth) {
    const std::size_t slash = key.find('/');
    if (slash == std::string_view::npos) return {};
    key.remove_prefix(slash + 1);
  }
  const std::size_t slash = key.find('/');
  return slash == std::string_view::npos ? std::string_view() : key.substr(0, slash);
}

void label_by_folders(Listing& listing) {
  const std::size_t depth = set_splits(listing) ? 1 : 0;
  listing.label_names = class_names(listing, depth);
  if (listing.label_names.empty()) return;
  std::vector<Source> kept;
  kept.reserve(listing.sources.size());
  std::size_t outside = 0;
  std::string example;
  const auto& names = listing.label_names;
  for (Source& source : listing.sources) {
    const std::string_view name = folder_of(source.key, depth);
    if (name.empty()) {
      if (outside++ == 0) example = source.key;
      continue;
    }
    const auto place = std::lower_bound(names.begin(), names.end(), name);
    source.labels = one_hot(names.size(), static_cast<std::size_t>(place - names.begin()));
    kept.push_back(std::move(source));
  }
  listing.sources = std::move(kept);
  warn_of(listing, outside, "pictures left out: in no class's folder", example);
}

}  // namespace pgan::data
