#include "data/table_reader.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "data/printable.h"

namespace pgan::data {
namespace {

constexpr std::size_t kMaxColumns = 4096;
constexpr std::size_t kMaxField = std::size_t{1} << 20;

std::string_view as_text(const MappedFile& mapped) {
  const auto bytes = mapped.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

char most_frequent_separator(std::string_view text) {
  const std::string_view line = text.substr(0, std::min(text.find_first_of("\r\n"), kMaxField));
  char best = ',';
  for (const char candidate : std::array{',', ';', '\t', '|'}) {
    if (std::count(line.begin(), line.end(), candidate) >
        std::count(line.begin(), line.end(), best)) {
      best = candidate;
    }
  }
  return best;
}

}  // namespace

TableReader::TableReader(const std::filesystem::path& file, std::optional<TableFormat> format)
    : file_(file), mapped_(file), text_(as_text(mapped_)) {
  if (text_.starts_with("\xFF\xFE") || text_.starts_with("\xFE\xFF")) {
    throw DataError(printable(file.string()) + ": is UTF-16, expected UTF-8; save it as such");
  }
  if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  format_ = format ? *format : TableFormat{.separator = most_frequent_separator(text_)};
}

void TableReader::rewind() {
  at_ = 0;
  next_line_ = 1;
}

void TableReader::fail(const std::string& what) const {
  throw DataError(printable(file_.string()) + ":" + std::to_string(line_) + ": " + what);
}

bool TableReader::at_line_end() const {
  return at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r';
}

void TableReader::skip_empty_lines() {
  while (at_ < text_.size() && at_line_end()) {
    if (text_.substr(at_).starts_with("\r\n")) ++at_;
    ++at_, ++next_line_;
  }
}

bool TableReader::next() {
  fields_.clear();
  unquoted_.clear();
  const bool blanks = format_.separator == ' ';
  const auto skip_blanks = [&] {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  };
  do {
    skip_empty_lines();
    if (blanks) skip_blanks();
  } while (at_ < text_.size() && at_line_end());
  if (at_ >= text_.size()) return false;
  line_ = next_line_;
  while (true) {
    read_field();
    if (fields_.size() > kMaxColumns) {
      fail("more than " + std::to_string(kMaxColumns) +
           " columns; is this the table it should be?");
    }
    if (blanks) skip_blanks();
    if (at_line_end()) return !fields_.empty();
    if (!blanks) ++at_;
  }
}

void TableReader::read_field() {
  if (format_.quotes && at_ < text_.size() && text_[at_] == '"') return read_quoted();
  const char* const begin = text_.data() + at_;
  const char* const end = text_.data() + text_.size();
  const char* stop = begin;
  const char separator = format_.separator;
  const char other = separator == ' ' ? '\t' : separator;
  while (stop != end && *stop != separator && *stop != other && *stop != '\n' && *stop != '\r') {
    ++stop;
  }
  const auto length = static_cast<std::size_t>(stop - begin);
  if (length > kMaxField) fail("a field of more than 1 MiB");
  fields_.push_back(text_.substr(at_, length));
  at_ += length;
}

void TableReader::read_quoted() {
  std::string& field = unquoted_.emplace_back();
  for (++at_;; ++at_) {
    if (at_ >= text_.size()) fail("a quote is opened here and never closed");
    if (field.size() > kMaxField) fail("a field of more than 1 MiB, or a quote that is not closed");
    const char c = text_[at_];
    if (c == '"') {
      if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') break;
      ++at_;
    } else if (c == '\n' || (c == '\r' && !text_.substr(at_).starts_with("\r\n"))) {
      ++next_line_;
    }
    field += c;
  }
  ++at_;
  if (!at_line_end() && text_[at_] != format_.separator) {
    fail("text behind a closing quote; quotes inside a field are doubled: \"\"");
  }
  fields_.push_back(field);
}

bool is_csv_name(std::string_view name) {
  if (name.starts_with('.') || name.size() < 4) return false;
  const std::string_view end = name.substr(name.size() - 4);
  return end == ".csv" || end == ".CSV" || end == ".Csv";
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<float> parse_number(std::string_view text) {
  text = trimmed(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  float value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

}  // namespace pgan::data
