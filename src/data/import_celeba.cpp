#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include "data/layouts.h"
#include "data/picture_files.h"
#include "data/printable.h"
#include "data/row_names.h"
#include "data/table_reader.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;
using Names = std::span<const char* const>;

constexpr std::array kImages = {"img_align_celeba", "images", "img_celeba"};
constexpr std::array kHqImages = {"CelebA-HQ-img", "celeba-hq", "data1024x1024"};
constexpr std::array kAttributes = {"list_attr_celeba"};
constexpr std::array kHqAttributes = {"list_attr_celeba", "CelebAMask-HQ-attribute-anno",
                                      "list_attr_celeba-hq", "list_attr_celebahq"};
constexpr std::array kPartition = {"list_eval_partition"};

/// The table, .txt or .csv, beside the pictures or in Anno/ or Eval/, as distributed.
std::optional<fs::path> find_table(const fs::path& root, Names stems) {
  for (const char* stem : stems) {
    for (const char* folder : {"", "Anno", "Eval"}) {
      for (const char* extension : {".txt", ".csv"}) {
        const fs::path file = root / folder / (std::string(stem) + extension);
        std::error_code error;
        if (fs::is_regular_file(file, error)) return file;
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> find_images(const fs::path& root, Names folders) {
  std::error_code error;
  for (const char* folder : folders) {
    if (fs::is_directory(root / folder, error)) return folder;
  }
  return std::nullopt;
}

/// Rows of whole numbers that begin with a file name.
struct Table {
  std::string name;
  std::vector<std::string> columns = {};
  RowNames rows = {};
  std::vector<std::int8_t> values = {};  // [rows, columns]
  std::optional<std::size_t> declared_rows = {};
};

std::optional<int> whole_number(std::string_view text) {
  // CelebA's list has eight million of these.
  if (text.size() == 1 && text[0] >= '0' && text[0] <= '9') return text[0] - '0';
  if (text == "-1") return -1;
  int value = 0;
  text = trimmed(text);
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || stop != text.data() + text.size()) return {};
  return value;
}

/// Reads a table's first lines: in .txt the count, then the names; in .csv the names, the pictures'
/// column among them.
void read_header(TableReader& reader, bool csv, Table& table) {
  if (!reader.next()) return;
  if (!csv && reader.fields().size() == 1 && whole_number(reader.fields()[0])) {
    table.declared_rows = static_cast<std::size_t>(std::max(*whole_number(reader.fields()[0]), 0));
    if (!reader.next()) return;
  }
  for (std::size_t i = csv ? 1 : 0; i < reader.fields().size(); ++i) {
    table.columns.emplace_back(trimmed(reader.fields()[i]));
  }
}

void read_row(const TableReader& reader, int low, int high, const char* kind, Table& table) {
  const auto& fields = reader.fields();
  if (fields.size() != table.columns.size() + 1) {
    reader.fail("expected a file name and " + std::to_string(table.columns.size()) +
                " values, found " + std::to_string(fields.size() - 1) + " values");
  }
  if (!table.rows.add(trimmed(fields[0]))) {
    reader.fail("second row of " + printable(fields[0].substr(0, 200)));
  }
  for (std::size_t i = 1; i < fields.size(); ++i) {
    const auto value = whole_number(fields[i]);
    if (!value || *value < low || *value > high) {
      reader.fail("expected " + std::string(kind) + ", found '" +
                  printable(fields[i].substr(0, 40)) + "'");
    }
    table.values.push_back(static_cast<std::int8_t>(*value));
  }
}

Table read_attributes(const fs::path& file) {
  const bool csv = file.extension() == ".csv";
  TableReader reader(file, csv ? std::nullopt : std::optional<TableFormat>({' ', false}));
  Table table{.name = file.filename().string()};
  read_header(reader, csv, table);
  while (reader.next()) read_row(reader, -1, 1, "attributes of -1, 0 or 1", table);
  if (table.rows.size() == 0) reader.fail("has no rows");
  return table;
}

Table read_partition(const fs::path& file) {
  const bool csv = file.extension() == ".csv";
  TableReader reader(file, csv ? std::nullopt : std::optional<TableFormat>({' ', false}));
  Table table{.name = file.filename().string(), .columns = {"partition"}};
  if (csv) reader.next();
  while (reader.next()) read_row(reader, 0, 2, "a partition of 0, 1 or 2", table);
  return table;
}

void join_partition(Listing& listing, const fs::path& file) {
  const Table table = read_partition(file);
  std::size_t missing = 0;
  std::string_view example;
  for (Source& source : listing.sources) {
    const std::int64_t row = table.rows.find(source.key);
    if (row >= 0) {
      source.split = static_cast<Split>(table.values[static_cast<std::size_t>(row)]);
    } else if (missing++ == 0) {
      example = source.key;
    }
  }
  warn_of(listing, missing,
          "pictures without a partition in " + table.name + " (taken for training)", example);
}

void join_attributes(Listing& listing, const Table& table, std::vector<std::string>& keys) {
  const std::vector<std::int64_t> row_of = match_rows(table.rows, keys, table.name, listing);
  const std::size_t columns = table.columns.size();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (row_of[i] < 0) continue;
    const auto* row = table.values.data() + static_cast<std::size_t>(row_of[i]) * columns;
    std::vector<float> labels(columns);
    for (std::size_t c = 0; c < columns; ++c) labels[c] = row[c] == 1 ? 1.0f : 0.0f;
    listing.sources.push_back({.key = std::move(keys[i]), .labels = std::move(labels)});
  }
}

Listing list(const fs::path& root, Names image_folders, Names attributes) {
  const auto images = find_images(root, image_folders);
  const auto file = find_table(root, attributes);
  if (!images || !file) return {};
  const Table table = read_attributes(*file);
  Listing listing;
  listing.crop.kind = Crop::Kind::automatic;
  listing.pictures = picture_files(root);
  listing.label_names = table.columns;
  FoundPictures found = find_pictures(root, *images);
  listing.skipped = std::move(found.skipped);
  join_attributes(listing, table, found.keys);
  if (table.declared_rows.value_or(table.rows.size()) != table.rows.size()) {
    listing.warnings.push_back(table.name + " declares " + with_commas(*table.declared_rows) +
                               " rows and has " + with_commas(table.rows.size()));
  }
  if (const auto partition = find_table(root, kPartition)) join_partition(listing, *partition);
  return listing;
}

}  // namespace

bool recognises_celeba(const fs::path& root) {
  return find_images(root, kImages).has_value() && find_table(root, kAttributes).has_value();
}

Listing list_celeba(const fs::path& root) {
  return list(root, kImages, kAttributes);
}

bool recognises_celeba_hq(const fs::path& root) {
  return find_images(root, kHqImages).has_value() && find_table(root, kHqAttributes).has_value();
}

Listing list_celeba_hq(const fs::path& root) {
  return list(root, kHqImages, kHqAttributes);
}

}  // namespace pgan::data
