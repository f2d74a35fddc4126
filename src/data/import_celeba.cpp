#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <system_error>

#include "core/error.h"
#include "data/importer.h"
#include "data/picture_files.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 3> kImageFolders = {"img_align_celeba", "images", "img_celeba"};
constexpr const char* kAttributes = "list_attr_celeba";
constexpr const char* kPartition = "list_eval_partition";
constexpr std::size_t kMaxColumns = 4096;

/// The table with this stem, .txt or .csv, beside the pictures or in Anno/ or Eval/, as
/// distributed.
std::optional<fs::path> find_table(const fs::path& root, const std::string& stem) {
  for (const char* folder : {"", "Anno", "Eval"}) {
    for (const char* extension : {".txt", ".csv"}) {
      const fs::path file = root / folder / (stem + extension);
      std::error_code error;
      if (fs::is_regular_file(file, error)) return file;
    }
  }
  return std::nullopt;
}

std::optional<fs::path> find_images(const fs::path& root) {
  std::error_code error;
  for (const char* folder : kImageFolders) {
    // The Kaggle copy has the folder twice, one in the other.
    if (fs::is_directory(root / folder / folder, error)) return root / folder / folder;
    if (fs::is_directory(root / folder, error)) return root / folder;
  }
  return std::nullopt;
}

std::vector<std::string> split_fields(const std::string& line, bool csv) {
  std::vector<std::string> fields;
  std::string field;
  for (const char c : line) {
    const bool space = c == ' ' || c == '\t' || c == '\r';
    if (csv ? c == ',' : space) {
      if (csv || !field.empty()) fields.push_back(std::move(field)), field.clear();
    } else if (!space) {
      field += c;
    }
    if (fields.size() > kMaxColumns) break;
  }
  if (!field.empty()) fields.push_back(std::move(field));
  return fields;
}

/// A text or csv table whose rows begin with a file name.
struct Table {
  std::vector<std::string> columns;
  std::map<std::string, std::vector<int>> rows;
};

[[noreturn]] void bad_line(const fs::path& file, std::int64_t line, const std::string& what) {
  throw DataError(file.string() + ":" + std::to_string(line) + ": " + what);
}

std::vector<int> read_values(const std::vector<std::string>& fields, const fs::path& file,
                             std::int64_t line) {
  std::vector<int> values;
  for (std::size_t i = 1; i < fields.size(); ++i) {
    int value = 0;
    const char* end = fields[i].data() + fields[i].size();
    const auto [stop, error] = std::from_chars(fields[i].data(), end, value);
    if (error != std::errc{} || stop != end) {
      bad_line(file, line, "expected a whole number, found '" + fields[i].substr(0, 40) + "'");
    }
    values.push_back(value);
  }
  return values;
}

/// header_lines: before the rows; the last of them names the columns. columns: expected where there
/// is no header.
Table read_table(const fs::path& file, int header_lines, std::size_t columns) {
  std::ifstream stream(file);
  if (!stream) throw DataError(file.string() + ": cannot be read");
  const bool csv = file.extension() == ".csv";
  Table table;
  std::string text;
  for (std::int64_t line = 1; std::getline(stream, text); ++line) {
    std::vector<std::string> fields = split_fields(text, csv);
    if (fields.empty()) continue;
    if (line <= header_lines) {
      if (csv) fields.erase(fields.begin());
      table.columns = std::move(fields);
      columns = table.columns.size();
      continue;
    }
    if (fields.size() != columns + 1) {
      bad_line(file, line,
               "expected a file name and " + std::to_string(columns) + " values, found " +
                   std::to_string(fields.size() - 1) + " values");
    }
    if (!table.rows.emplace(fields[0], read_values(fields, file, line)).second) {
      bad_line(file, line, "second row of " + fields[0]);
    }
  }
  if (table.rows.empty()) throw DataError(file.string() + ": has no rows");
  return table;
}

Table read_attributes(const fs::path& file) {
  Table table = read_table(file, file.extension() == ".csv" ? 1 : 2, 0);
  for (auto& [name, values] : table.rows) {
    for (int& value : values) {
      if (value != -1 && value != 0 && value != 1) {
        throw DataError(file.string() + ": " + name +
                        ": expected attributes of -1, 0 or 1, found " + std::to_string(value));
      }
      value = value == 1 ? 1 : 0;
    }
  }
  return table;
}

void note(std::vector<std::string>& warnings, std::size_t count, const std::string& what,
          const std::string& example) {
  if (count > 0) warnings.push_back(std::to_string(count) + " " + what + ", e.g. " + example);
}

void join_partition(Listing& listing, const fs::path& file) {
  const Table table = read_table(file, file.extension() == ".csv" ? 1 : 0, 1);
  std::size_t missing = 0;
  std::string example;
  for (Source& source : listing.sources) {
    const auto row = table.rows.find(fs::path(source.key).filename().string());
    if (row != table.rows.end() && row->second[0] >= 0 && row->second[0] <= 2) {
      source.split = static_cast<Split>(row->second[0]);
    } else if (missing++ == 0) {
      example = source.key;
    }
  }
  note(listing.warnings, missing,
       "pictures without a partition in " + file.filename().string() + " (taken for training)",
       example);
  listing.has_split = true;
}

}  // namespace

bool recognises_celeba(const fs::path& root) {
  return find_images(root).has_value() && find_table(root, kAttributes).has_value();
}

Listing list_celeba(const fs::path& root) {
  const fs::path images = *find_images(root), attributes = *find_table(root, kAttributes);
  Table table = read_attributes(attributes);
  Listing listing;
  listing.pictures = picture_files(root);
  listing.label_names = table.columns;
  std::size_t unlabelled = 0;
  std::string example;
  for (const fs::directory_entry& entry : fs::directory_iterator(images)) {
    const std::string name = entry.path().filename().string();
    if (!is_picture_name(entry.path())) continue;
    const auto row = table.rows.find(name);
    if (row == table.rows.end()) {
      if (unlabelled++ == 0) example = name;
      continue;
    }
    std::vector<float> labels(row->second.begin(), row->second.end());
    listing.sources.push_back({.key = entry.path().lexically_relative(root).generic_string(),
                               .labels = std::move(labels)});
    table.rows.erase(row);
  }
  std::sort(listing.sources.begin(), listing.sources.end(),
            [](const Source& a, const Source& b) { return a.key < b.key; });
  note(listing.warnings, unlabelled,
       "pictures left out: no row in " + attributes.filename().string(), example);
  note(listing.warnings, table.rows.size(),
       "rows of " + attributes.filename().string() + " have no picture",
       table.rows.empty() ? "" : table.rows.begin()->first);
  if (const auto partition = find_table(root, kPartition)) join_partition(listing, *partition);
  return listing;
}

}  // namespace pgan::data
