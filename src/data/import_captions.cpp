#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "data/layouts.h"
#include "data/picture_files.h"
#include "data/printable.h"
#include "data/row_names.h"
#include "data/table_reader.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

constexpr std::array kImageColumns = {"image", "image_name", "image_id",
                                      "file",  "filename",   "file_name"};
constexpr std::array kCaptionColumns = {"caption", "captions", "comment", "text"};
/// As distributed, beside the pictures or in a folder of texts.
constexpr std::array kTokenFiles = {"Flickr8k.token.txt", "Flickr8k_text/Flickr8k.token.txt",
                                    "results_20130124.token", "captions.txt"};

template <class Names>
std::optional<std::size_t> column_of(const TableReader& reader, const Names& names) {
  const auto& fields = reader.fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (std::find(names.begin(), names.end(), lower_case(trimmed(fields[i]))) != names.end())
      return i;
  }
  return std::nullopt;
}

struct Columns {
  std::size_t image, caption;
};

/// Reads the header; nothing when it has no such columns.
std::optional<Columns> find_columns(TableReader& reader) {
  if (!reader.next()) return std::nullopt;
  const auto image = column_of(reader, kImageColumns), caption = column_of(reader, kCaptionColumns);
  if (!image || !caption) return std::nullopt;
  return Columns{*image, *caption};
}

bool is_caption_table(const fs::path& file) {
  try {
    TableReader reader(file);
    return find_columns(reader).has_value();
  } catch (const DataError&) {
    return false;
  }
}

/// "name.jpg#0": the name, or nothing.
std::optional<std::string_view> token_name(std::string_view field) {
  const std::size_t mark = field.rfind('#');
  if (mark == std::string_view::npos || mark == 0 || mark + 1 == field.size()) return std::nullopt;
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  if (!std::all_of(field.begin() + static_cast<std::ptrdiff_t>(mark) + 1, field.end(), is_digit)) {
    return std::nullopt;
  }
  return field.substr(0, mark);
}

bool is_token_file(const fs::path& file) {
  try {
    TableReader reader(file, TableFormat{'\t', false});
    return reader.next() && reader.fields().size() == 2 &&
           token_name(reader.fields()[0]).has_value();
  } catch (const DataError&) {
    return false;
  }
}

struct CaptionFile {
  fs::path path;
  bool token = false;
};

std::optional<CaptionFile> find_captions(const fs::path& root) {
  for (const char* name : kTokenFiles) {
    std::error_code error;
    const fs::path file = root / name;
    if (!fs::is_regular_file(file, error)) continue;
    if (is_token_file(file)) return CaptionFile{file, true};
    if (is_caption_table(file)) return CaptionFile{file};
  }
  for (const std::string& name : names_in(root, is_csv_name)) {
    std::error_code error;
    const fs::path file = root / name;
    if (fs::is_regular_file(file, error) && is_caption_table(file)) return CaptionFile{file};
  }
  return std::nullopt;
}

/// Captions by picture, in the order of the file.
struct Captions {
  RowNames names;
  std::vector<std::vector<std::string>> texts;
  std::size_t bad_rows = 0;
  std::string bad_row;

  void add(std::string_view name, std::string_view text, std::int64_t line) {
    name = trimmed(name);
    text = trimmed(text);
    if (name.empty() || text.empty()) return add_bad(line);
    if (names.add(name)) texts.emplace_back();
    texts[static_cast<std::size_t>(names.row_of(name))].emplace_back(text);
  }
  void add_bad(std::int64_t line) {
    if (bad_rows++ == 0) bad_row = "line " + std::to_string(line);
  }
};

void read_token_file(TableReader& reader, Captions& captions) {
  while (reader.next()) {
    const auto& fields = reader.fields();
    const auto name = token_name(fields[0]);
    if (fields.size() == 2 && name) {
      captions.add(*name, fields[1], reader.line());
    } else {
      captions.add_bad(reader.line());
    }
  }
}

void read_caption_table(TableReader& reader, Captions& captions) {
  const auto columns = find_columns(reader);
  if (!columns) reader.fail("expected columns 'image' and 'caption'");
  const std::size_t count = reader.fields().size();
  while (reader.next()) {
    const auto& fields = reader.fields();
    // A caption in the last column may hold separators that should have been quoted.
    const bool spilled = fields.size() > count && columns->caption + 1 == count;
    if (fields.size() != count && !spilled) {
      captions.add_bad(reader.line());
      continue;
    }
    std::string text(fields[columns->caption]);
    for (std::size_t i = count; i < fields.size(); ++i) {
      text.append(1, reader.separator()).append(fields[i]);
    }
    captions.add(fields[columns->image], text, reader.line());
  }
}

Captions read_captions(const CaptionFile& file) {
  Captions captions;
  TableReader reader(file.path,
                     file.token ? std::optional<TableFormat>({'\t', false}) : std::nullopt);
  file.token ? read_token_file(reader, captions) : read_caption_table(reader, captions);
  return captions;
}

}  // namespace

bool recognises_captions(const fs::path& root) {
  return find_captions(root).has_value();
}

Listing list_captions(const fs::path& root) {
  const auto file = find_captions(root);
  if (!file) return {};
  Captions captions = read_captions(*file);
  const std::string table = printable(file->path.filename().string());
  Listing listing;
  listing.pictures = picture_files(root);
  FoundPictures found = find_pictures(root);
  listing.skipped = std::move(found.skipped);
  const auto row_of = match_rows(captions.names, found.keys, table, listing);
  for (std::size_t i = 0; i < row_of.size(); ++i) {
    if (row_of[i] < 0) continue;
    listing.sources.push_back(
        {.key = std::move(found.keys[i]),
         .captions = std::move(captions.texts[static_cast<std::size_t>(row_of[i])])});
  }
  warn_of(listing, captions.bad_rows,
          "rows of " + table + " left out: no picture's name or no caption", captions.bad_row);
  return listing;
}

}  // namespace pgan::data
