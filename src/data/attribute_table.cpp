#include "data/attribute_table.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include "data/folder_labels.h"
#include "data/printable.h"
#include "data/table_reader.h"

namespace pgan::data {
namespace {

constexpr std::size_t kMaxTexts = 64;
constexpr std::size_t kMaxTextLength = 100;  // longer ones describe, they do not sort
constexpr std::size_t kMaxLabels = 4096;

struct Column {
  enum class Kind { numbers, texts, split, left_out };
  std::string name;
  Kind kind = Kind::numbers;
  std::set<std::string, std::less<>> texts = {};
  std::string first_text = {};  ///< with its line: why the column is not of numbers
  std::int64_t number_cells = 0, text_cells = 0;
};

bool is_empty_cell(std::string_view cell) {
  cell = trimmed(cell);
  return cell.empty() || cell == "NA" || cell == "nan" || cell == "NaN";
}

/// The reason why a row cannot be used, if there is one.
std::optional<std::string> fault_of(const TableReader& reader, const std::vector<Column>& columns) {
  const auto& fields = reader.fields();
  if (fields.size() != columns.size()) {
    return "expected " + std::to_string(columns.size()) + " cells, found " +
           std::to_string(fields.size());
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (is_empty_cell(fields[i])) return "no value of '" + printable(columns[i].name) + "'";
  }
  return std::nullopt;
}

std::optional<Split> parse_split(std::string_view cell) {
  cell = trimmed(cell);
  if (cell == "0" || cell == "1" || cell == "2") return static_cast<Split>(cell[0] - '0');
  return split_by_name(cell);
}

std::vector<Column> read_header(TableReader& reader) {
  std::vector<Column> columns;
  if (!reader.next()) reader.fail("is empty; expected a line of column names");
  for (const std::string_view field : reader.fields()) {
    Column& column = columns.emplace_back(Column{.name = std::string(trimmed(field))});
    if (columns.size() > 1 &&
        (column.name == "split" || column.name == "set" || column.name == "partition")) {
      column.kind = Column::Kind::split;
    }
  }
  if (columns.size() < 2) reader.fail("expected a column of file names and at least one other");
  const bool numbers = std::all_of(reader.fields().begin() + 1, reader.fields().end(),
                                   [](std::string_view f) { return parse_number(f).has_value(); });
  if (numbers)
    reader.fail("expected a line of column names, found numbers: is the header missing?");
  return columns;
}

/// First pass: what each column holds.
void look_at_columns(TableReader& reader, std::vector<Column>& columns) {
  while (reader.next()) {
    if (fault_of(reader, columns)) continue;
    for (std::size_t i = 1; i < columns.size(); ++i) {
      Column& column = columns[i];
      if (column.kind == Column::Kind::split) continue;
      const std::string_view cell = trimmed(reader.fields()[i]);
      const bool number = parse_number(cell).has_value();
      ++(number ? column.number_cells : column.text_cells);
      if (column.kind == Column::Kind::numbers && !number) {
        column.kind = Column::Kind::texts;
        column.first_text.append("'").append(printable(cell.substr(0, 40)));
        column.first_text.append("' in line ").append(std::to_string(reader.line()));
      }
      // Those of numbers too: the column may turn out to be of texts further down.
      if (column.texts.size() <= kMaxTexts && !column.texts.contains(cell)) {
        column.texts.emplace(cell.substr(0, kMaxTextLength + 1));
      }
    }
  }
}

bool is_categorical(const Column& column) {
  return column.texts.size() <= kMaxTexts &&
         std::all_of(column.texts.begin(), column.texts.end(),
                     [](const std::string& text) { return text.size() <= kMaxTextLength; });
}

void name_labels(const TableReader& reader, std::vector<Column>& columns, AttributeTable& table) {
  for (std::size_t i = 1; i < columns.size(); ++i) {
    Column& column = columns[i];
    // One bad cell costs its row, not the column.
    if (column.kind == Column::Kind::texts && column.number_cells >= 9 * column.text_cells) {
      column.kind = Column::Kind::numbers;
    }
    if (column.kind == Column::Kind::numbers) {
      table.label_names.push_back(column.name);
    } else if (column.kind == Column::Kind::texts && is_categorical(column)) {
      for (const std::string& text : column.texts) {
        table.label_names.push_back(column.name + "=" + text);
      }
    } else if (column.kind == Column::Kind::texts) {
      column.kind = Column::Kind::left_out;
      table.warnings.push_back(
          "column '" + printable(column.name) + "' left out: neither numbers nor at most " +
          std::to_string(kMaxTexts) + " different texts, first text " + column.first_text);
    }
  }
  if (table.label_names.size() > kMaxLabels) {
    reader.fail("makes " + std::to_string(table.label_names.size()) + " labels, more than " +
                std::to_string(kMaxLabels));
  }
}

/// Second pass: a row's labels; the reason where it has none.
std::optional<std::string> read_row(const TableReader& reader, const std::vector<Column>& columns,
                                    std::vector<float>& labels, Split& split) {
  if (auto fault = fault_of(reader, columns)) return fault;
  for (std::size_t i = 1; i < columns.size(); ++i) {
    const Column& column = columns[i];
    const std::string_view cell = trimmed(reader.fields()[i]);
    if (column.kind == Column::Kind::numbers) {
      const auto number = parse_number(cell);
      if (!number) {
        return "expected a number as '" + printable(column.name) + "', found '" +
               printable(cell.substr(0, 40)) + "'";
      }
      labels.push_back(*number);
    } else if (column.kind == Column::Kind::texts) {
      for (const std::string& text : column.texts) labels.push_back(text == cell ? 1.0f : 0.0f);
    } else if (column.kind == Column::Kind::split) {
      const auto parsed = parse_split(cell);
      if (!parsed) {
        return "expected a split of train, val or test, found '" + printable(cell.substr(0, 40)) +
               "'";
      }
      split = *parsed;
    }
  }
  return std::nullopt;
}

void read_rows(TableReader& reader, const std::string& name, const std::vector<Column>& columns,
               AttributeTable& table) {
  std::size_t repeated = 0;
  std::string example;
  while (reader.next()) {
    const std::string_view picture = trimmed(reader.fields()[0]);
    std::vector<float> labels;
    labels.reserve(table.label_names.size());
    Split split = Split::train;
    const auto fault = read_row(reader, columns, labels, split);
    if (fault || picture.empty()) {
      const std::string line = name + ":" + std::to_string(reader.line());
      table.skipped.push_back({std::string(picture), line + ": " + fault.value_or("no file name")});
    } else if (table.rows.add(picture)) {
      table.labels.push_back(std::move(labels));
      table.splits.push_back(split);
    } else if (repeated++ == 0) {
      example = std::string(picture) + " in line " + std::to_string(reader.line());
    }
  }
  if (repeated > 0) {
    table.warnings.push_back(with_commas(repeated) + " rows of " + name +
                             " name a picture once more (its first row counts), e.g. " +
                             printable(example));
  }
}

}  // namespace

AttributeTable read_attribute_table(const std::filesystem::path& file) {
  TableReader reader(file);
  AttributeTable table;
  std::vector<Column> columns = read_header(reader);
  look_at_columns(reader, columns);
  name_labels(reader, columns, table);
  reader.rewind();
  reader.next();
  read_rows(reader, printable(file.filename().string()), columns, table);
  return table;
}

}  // namespace pgan::data
