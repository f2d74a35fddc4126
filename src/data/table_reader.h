#pragma once
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/mapped_file.h"

namespace pgan::data {

/// How a text table is written.
struct TableFormat {
  char separator = ',';  ///< ' ': any run of blanks
  bool quotes = true;    ///< "a field", with "" for a quote in it
};

/// Reads a text table row by row: CSV as RFC 4180 has it (quoted separators and newlines), with or
/// without a byte order mark, lines ended by LF, CRLF or CR, empty lines left out. The file stays
/// mapped; nothing of it is copied but fields with quotes in them.
///
/// Throws DataError naming file and line: more than 4,096 columns, a field over 1 MiB, a quote that
/// is not closed or has text behind it, UTF-16.
class TableReader {
 public:
  /// Without a format: quoted, and the separator is whichever of , ; tab | the first line has most.
  explicit TableReader(const std::filesystem::path& file, std::optional<TableFormat> format = {});

  /// Goes to the next row; false at the end.
  bool next();
  /// Of the row, until the next next().
  const std::vector<std::string_view>& fields() const { return fields_; }
  /// Where the row begins, from 1.
  std::int64_t line() const { return line_; }
  char separator() const { return format_.separator; }
  /// Before the first row again.
  void rewind();
  /// Throws DataError "file:line: what".
  [[noreturn]] void fail(const std::string& what) const;

 private:
  void skip_empty_lines();
  void read_field();
  void read_quoted();
  bool at_line_end() const;

  std::filesystem::path file_;
  MappedFile mapped_;
  std::string_view text_;
  TableFormat format_;
  std::size_t at_ = 0;
  std::int64_t line_ = 0, next_line_ = 1;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_;  // a deque: fields_ points into its strings
};

/// True for names that end in .csv, and are not hidden.
bool is_csv_name(std::string_view name);

/// Without blanks at both ends.
std::string_view trimmed(std::string_view text);
/// ASCII letters in lower case.
std::string lower_case(std::string_view text);

/// "1_000" is none: a whole number or decimal fraction, finite, as float.
std::optional<float> parse_number(std::string_view text);

}  // namespace pgan::data
