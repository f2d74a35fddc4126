#include "data/row_names.h"

#include <algorithm>

#include "data/printable.h"

namespace pgan::data {
namespace {

std::string_view without_extension(std::string_view name) {
  const std::size_t dot = name.rfind('.'), slash = name.rfind('/');
  const bool in_name = dot != std::string_view::npos && dot > 0 &&
                       (slash == std::string_view::npos || dot > slash + 1);
  return in_name ? name.substr(0, dot) : name;
}

/// Matches what has no row yet by names without extension.
void match_stems(const RowNames& rows, const std::vector<std::string>& keys,
                 std::vector<std::int64_t>& row_of) {
  std::vector<bool> used(rows.size());
  for (const std::int64_t row : row_of) {
    if (row >= 0) used[static_cast<std::size_t>(row)] = true;
  }
  RowNames stems;
  std::vector<std::int64_t> row_of_stem;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    // A name without extension may have dots: both readings are entered, the whole name first.
    for (const std::string_view stem :
         {std::string_view(rows.name(row)), without_extension(rows.name(row))}) {
      if (!used[row] && stems.add(stem)) row_of_stem.push_back(static_cast<std::int64_t>(row));
    }
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (row_of[i] >= 0) continue;
    const std::int64_t stem = stems.find(without_extension(keys[i]));
    if (stem >= 0) row_of[i] = row_of_stem[static_cast<std::size_t>(stem)];
  }
}

void drop_ambiguous(const RowNames& rows, const std::vector<std::string>& keys,
                    const std::string& table, std::vector<std::int64_t>& row_of,
                    std::vector<std::uint32_t>& uses, Listing& listing) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (row_of[i] < 0 || uses[static_cast<std::size_t>(row_of[i])] < 2) continue;
    const std::string& name = rows.name(static_cast<std::size_t>(row_of[i]));
    listing.skipped.push_back({keys[i], "one row of " + table + ", '" + printable(name) +
                                            "', for several pictures: put their folders into it"});
    row_of[i] = -1;
  }
}

/// A table's name as it is kept.
std::string plain_name(std::string_view name) {
  while (name.starts_with("./") || name.starts_with(".\\")) name.remove_prefix(2);
  std::string plain(name);
  std::replace(plain.begin(), plain.end(), '\\', '/');
  return plain;
}

}  // namespace

bool RowNames::add(std::string_view name) {
  const auto row = static_cast<std::int64_t>(names_.size());
  const auto [entry, is_new] = rows_.emplace(plain_name(name), row);
  if (is_new) names_.push_back(&entry->first);
  return is_new;
}

std::int64_t RowNames::row_of(std::string_view name) const {
  const auto row = rows_.find(plain_name(name));
  return row == rows_.end() ? -1 : row->second;
}

std::int64_t RowNames::find(std::string_view key) const {
  while (true) {
    if (const auto row = rows_.find(key); row != rows_.end()) return row->second;
    const std::size_t slash = key.find('/');
    if (slash == std::string_view::npos) return -1;
    key.remove_prefix(slash + 1);
  }
}

std::vector<std::int64_t> match_rows(const RowNames& rows, const std::vector<std::string>& keys,
                                     const std::string& table, Listing& listing) {
  std::vector<std::int64_t> row_of(keys.size());
  std::transform(keys.begin(), keys.end(), row_of.begin(),
                 [&](const std::string& key) { return rows.find(key); });
  if (std::find(row_of.begin(), row_of.end(), -1) != row_of.end()) match_stems(rows, keys, row_of);
  std::size_t bare_keys = 0, bare_rows = 0;
  std::string_view bare_key, bare_row;
  std::vector<std::uint32_t> uses(rows.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (row_of[i] >= 0) {
      ++uses[static_cast<std::size_t>(row_of[i])];
    } else if (bare_keys++ == 0) {
      bare_key = keys[i];
    }
  }
  for (std::size_t row = 0; row < uses.size(); ++row) {
    if (uses[row] == 0 && bare_rows++ == 0) bare_row = rows.name(row);
  }
  drop_ambiguous(rows, keys, table, row_of, uses, listing);
  warn_of(listing, bare_keys, "pictures left out: no row in " + table, bare_key);
  warn_of(listing, bare_rows, "rows of " + table + " have no picture", bare_row);
  return row_of;
}

void warn_of(Listing& listing, std::size_t count, const std::string& what,
             std::string_view example) {
  if (count == 0) return;
  listing.warnings.push_back(with_commas(count) + " " + what + ", e.g. " + printable(example));
}

std::string with_commas(std::size_t count) {
  const std::string digits = std::to_string(count);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

}  // namespace pgan::data
