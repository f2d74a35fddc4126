#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "data/attribute_table.h"
#include "data/layouts.h"
#include "data/picture_files.h"
#include "data/printable.h"
#include "data/table_reader.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

constexpr int kRowsLookedAt = 8;

/// True when the first rows begin with names of pictures.
bool names_pictures(const fs::path& file) {
  try {
    TableReader reader(file);
    if (!reader.next() || reader.fields().size() < 2) return false;
    int named = 0;
    for (int row = 0; row < kRowsLookedAt && reader.next(); ++row) {
      const std::string_view name = trimmed(reader.fields()[0]);
      if (!name.empty() && !is_picture_name(name)) return false;
      named += name.empty() ? 0 : 1;
    }
    return named > 0;
  } catch (const DataError&) {
    return false;
  }
}

/// The folder's tables that name pictures, sorted; the root itself where it is one.
std::vector<fs::path> find_tables(const fs::path& root) {
  std::error_code error;
  if (fs::is_regular_file(root, error)) {
    return is_csv_name(root.filename().native()) ? std::vector<fs::path>{root}
                                                 : std::vector<fs::path>{};
  }
  std::vector<fs::path> tables;
  for (const std::string& name : names_in(root, is_csv_name)) {
    const fs::path file = root / name;
    if (fs::is_regular_file(file, error) && names_pictures(file)) tables.push_back(file);
  }
  return tables;
}

void join(AttributeTable& table, const std::string& name, std::vector<std::string>& keys,
          Listing& listing) {
  const auto row_of = match_rows(table.rows, keys, name, listing);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (row_of[i] < 0) continue;
    const auto row = static_cast<std::size_t>(row_of[i]);
    listing.sources.push_back({.key = std::move(keys[i]),
                               .labels = std::move(table.labels[row]),
                               .split = table.splits[row]});
  }
}

}  // namespace

bool recognises_table(const fs::path& root) {
  return !find_tables(root).empty();
}

Listing list_table(const fs::path& root) {
  const std::vector<fs::path> tables = find_tables(root);
  if (tables.empty()) return {};
  if (tables.size() > 1) {
    throw DataError(printable(root.string()) + ": several tables name pictures (" +
                    printable(tables[0].filename().string()) + ", " +
                    printable(tables[1].filename().string()) +
                    "); give the one to use as --from, or --layout folder to pack without");
  }
  const fs::path folder = tables[0].parent_path().empty() ? "." : tables[0].parent_path();
  const std::string name = printable(tables[0].filename().string());
  AttributeTable table = read_attribute_table(tables[0]);
  Listing listing;
  listing.pictures = picture_files(folder);
  listing.label_names = std::move(table.label_names);
  listing.warnings = std::move(table.warnings);
  FoundPictures found = find_pictures(folder);
  listing.skipped = std::move(found.skipped);
  // Pictures whose rows cannot be used are reported once, by their rows.
  RowNames unusable;
  for (Skipped& skipped : table.skipped) {
    unusable.add(skipped.key);
    listing.skipped.push_back(std::move(skipped));
  }
  std::erase_if(found.keys, [&](const std::string& key) {
    return unusable.find(key) >= 0 && table.rows.find(key) < 0;
  });
  join(table, name, found.keys, listing);
  return listing;
}

}  // namespace pgan::data
