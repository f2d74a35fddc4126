#include "core/option_set.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <variant>

#include <boost/program_options.hpp>

#include "core/error.h"

namespace pgan {
namespace po = boost::program_options;

using FieldPointer =
    std::variant<std::int64_t*, double*, bool*, std::string*, std::vector<std::string>*>;

struct OptionSet::Entry {
  std::string group, name, help;
  FieldPointer field;
  bool is_flag() const { return std::holds_alternative<bool*>(field); }
  bool is_list() const { return std::holds_alternative<std::vector<std::string>*>(field); }
};

namespace {

constexpr const char* kStray = "stray argument";  // no option's name: it has a space

template <class Entry>
class Collector : public OptionVisitor {
 public:
  std::vector<Entry> entries;
  void group(std::string_view title) override { group_ = title; }
  void field(std::string_view n, std::int64_t& v, std::string_view h) override { add(n, &v, h); }
  void field(std::string_view n, double& v, std::string_view h) override { add(n, &v, h); }
  void field(std::string_view n, bool& v, std::string_view h) override { add(n, &v, h); }
  void field(std::string_view n, std::string& v, std::string_view h) override { add(n, &v, h); }
  void field(std::string_view n, std::vector<std::string>& v, std::string_view h) override {
    add(n, &v, h);
  }

 private:
  void add(std::string_view name, FieldPointer pointer, std::string_view help) {
    entries.push_back({group_, std::string(name), std::string(help), pointer});
  }
  std::string group_ = "Options";
};

template <class Entry>
std::vector<Entry> collect(const OptionSet::Visit& visit) {
  Collector<Entry> collector;
  visit(collector);
  return std::move(collector.entries);
}

void check_entry(const std::string& name, const std::string& entry) {
  if (entry.empty()) {
    throw ConfigError("--" + name +
                      ": expected entries that are not empty, found an empty one among others "
                      "(alone, it stands for an empty list)");
  }
  if (const std::size_t at = entry.find('\n'); at != std::string::npos) {
    throw ConfigError("--" + name + ": expected entries without a line break, found one after '" +
                      entry.substr(0, at) + "'");
  }
}

std::string join(const std::vector<std::string>& entries, const std::string& separator) {
  std::string text;
  for (const std::string& entry : entries) text += (text.empty() ? "" : separator) + entry;
  return text;
}

std::vector<std::string> split(const std::string& name, const std::string& text) {
  std::vector<std::string> entries;
  if (text.empty()) return entries;
  for (std::size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
    end = text.find('\n', begin);
    entries.push_back(text.substr(begin, end == std::string::npos ? end : end - begin));
    check_entry(name, entries.back());
  }
  return entries;
}

/// False, and nothing done, for a second value of an option that is no list.
bool add_value(OptionValues& values, const std::set<std::string>& lists, const std::string& name,
               const std::string& text) {
  const auto [present, first] = values.emplace(name, text);
  if (!lists.contains(name)) return first;
  if (!first) check_entry(name, present->second.empty() ? "" : text);
  if (first && !text.empty()) check_entry(name, text);
  if (!first) present->second.append("\n").append(text);
  return true;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

template <class Number>
bool parse_number(const std::string& text, Number& value) {
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  return error == std::errc{} && stop == end && begin != end;
}

void set_field(const FieldPointer& pointer, const std::string& name, const std::string& text) {
  const auto fail = [&](const char* expected) {
    throw ConfigError("--" + name + ": expected " + expected + ", found '" + text + "'");
  };
  if (auto* integer = std::get_if<std::int64_t*>(&pointer)) {
    if (!parse_number(text, **integer)) fail("a whole number");
  } else if (auto* real = std::get_if<double*>(&pointer)) {
    double value = 0;
    if (!parse_number(text, value) || value != value) fail("a number");
    **real = value;
  } else if (auto* flag = std::get_if<bool*>(&pointer)) {
    if (text == "true" || text == "yes" || text == "on" || text == "1") {
      **flag = true;
    } else if (text == "false" || text == "no" || text == "off" || text == "0") {
      **flag = false;
    } else {
      fail("true or false");
    }
  } else if (auto* list = std::get_if<std::vector<std::string>*>(&pointer)) {
    **list = split(name, text);
  } else {
    *std::get<std::string*>(pointer) = text;
  }
}

std::string field_text(const FieldPointer& pointer, const std::string& name) {
  if (auto* integer = std::get_if<std::int64_t*>(&pointer)) return std::to_string(**integer);
  if (auto* real = std::get_if<double*>(&pointer)) return exact_text(**real);
  if (auto* flag = std::get_if<bool*>(&pointer)) return **flag ? "true" : "false";
  if (auto* list = std::get_if<std::vector<std::string>*>(&pointer)) {
    for (const std::string& entry : **list) check_entry(name, entry);
    return join(**list, "\n");
  }
  return *std::get<std::string*>(pointer);
}

}  // namespace

std::string exact_text(double value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return error == std::errc{} ? std::string(buffer, end) : std::to_string(value);
}

OptionSet::OptionSet(Visit visit, std::vector<std::string> positional)
    : visit_(std::move(visit)), positional_(std::move(positional)) {}

void OptionSet::check_known(const std::string& name, const std::string& where) const {
  const auto entries = collect<Entry>(visit_);
  const Entry* nearest = nullptr;
  std::size_t best = std::numeric_limits<std::size_t>::max();
  for (const Entry& entry : entries) {
    if (entry.name == name) return;
    const std::size_t distance = edit_distance(entry.name, name);
    if (distance < best) best = distance, nearest = &entry;
  }
  std::string hint = nearest != nullptr && best <= std::max<std::size_t>(3, name.size() / 2)
                         ? "; did you mean " + nearest->name + "?"
                         : "";
  throw ConfigError("unknown option " + name + " " + where + hint + " (--help lists all)");
}

OptionValues OptionSet::parse_command_line(std::span<const std::string> arguments) const {
  po::options_description description;
  std::set<std::string> flags, lists;
  for (const Entry& entry : collect<Entry>(visit_)) {
    auto* value = po::value<std::vector<std::string>>();
    if (entry.is_flag()) value->implicit_value({"true"}, "true"), flags.insert(entry.name);
    if (entry.is_list()) lists.insert(entry.name);
    description.add_options()(entry.name.c_str(), value);
  }
  po::positional_options_description positions;
  for (const std::string& name : positional_) positions.add(name.c_str(), 1);
  positions.add(kStray, -1);
  namespace style = po::command_line_style;
  po::command_line_parser parser(std::vector<std::string>(arguments.begin(), arguments.end()));
  parser.options(description).positional(positions).allow_unregistered();
  parser.style(style::allow_long | style::long_allow_adjacent | style::long_allow_next);
  OptionValues values;
  try {
    for (const po::option& option : parser.run().options) {
      if (option.string_key == kStray) {
        throw ConfigError("unexpected argument '" + option.original_tokens.front() +
                          "' on the command line (options start with --)");
      }
      check_known(option.string_key, "on the command line");
      const bool bare = option.value.empty();
      if (bare && !flags.contains(option.string_key)) {
        throw ConfigError("--" + option.string_key + " needs a value");
      }
      const std::string text = bare ? "true" : option.value.front();
      if (!add_value(values, lists, option.string_key, text)) {
        throw ConfigError("--" + option.string_key + " is given twice");
      }
    }
  } catch (const po::error& error) {
    throw ConfigError(std::string(error.what()) + " on the command line");
  }
  return values;
}

OptionValues OptionSet::parse_config(const std::filesystem::path& file) const {
  std::ifstream stream(file);
  if (!stream) throw ConfigError("--config " + file.string() + ": cannot be read");
  po::options_description none;
  std::set<std::string> lists;
  for (const Entry& entry : collect<Entry>(visit_)) {
    if (entry.is_list()) lists.insert(entry.name);
  }
  OptionValues values;
  try {
    for (const po::option& option : po::parse_config_file(stream, none, true).options) {
      check_known(option.string_key, "in " + file.string());
      const std::string text = option.value.empty() ? "" : option.value.front();
      if (!add_value(values, lists, option.string_key, text)) values[option.string_key] = text;
    }
  } catch (const po::error& error) {
    throw ConfigError("--config " + file.string() + ": " + error.what());
  }
  return values;
}

std::string OptionSet::value_in_config(const std::filesystem::path& file, const std::string& name) {
  std::ifstream stream(file);
  const po::options_description none;
  try {
    for (const po::option& option : po::parse_config_file(stream, none, true).options) {
      if (option.string_key == name && !option.value.empty()) return option.value.front();
    }
  } catch (const po::error& error) {
    throw ConfigError(file.string() + ": " + error.what());
  }
  return "";
}

void OptionSet::assign(const OptionValues& values) const {
  for (const Entry& entry : collect<Entry>(visit_)) {
    if (const auto found = values.find(entry.name); found != values.end()) {
      set_field(entry.field, entry.name, found->second);
    }
  }
}

OptionValues OptionSet::values() const {
  OptionValues result;
  for (const Entry& entry : collect<Entry>(visit_)) {
    result[entry.name] = field_text(entry.field, entry.name);
  }
  return result;
}

std::string OptionSet::ini() const {
  std::ostringstream out;
  for (const Entry& entry : collect<Entry>(visit_)) {
    out << "# " << entry.help << "\n";
    const std::string text = field_text(entry.field, entry.name);
    std::vector<std::string> lines{text};
    if (entry.is_list() && !text.empty()) lines = split(entry.name, text);
    for (const std::string& line : lines) out << entry.name << " = " << line << "\n";
  }
  return out.str();
}

std::string OptionSet::help() const {
  constexpr std::size_t kColumn = 30, kWidth = 100;
  std::ostringstream out;
  std::string group;
  for (const Entry& entry : collect<Entry>(visit_)) {
    if (entry.group != group) out << "\n" << (group = entry.group) << ":\n";
    std::string present = field_text(entry.field, entry.name);
    if (entry.is_list()) present = join(split(entry.name, present), ", ");
    std::string left = "  --" + entry.name;
    if (!entry.is_flag()) left += entry.is_list() ? " VALUE..." : " VALUE";
    std::istringstream words(entry.help +
                             (present.empty() || present == "false" ? "" : " [" + present + "]"));
    out << left;
    std::size_t column = left.size();
    if (column + 2 > kColumn) out << "\n", column = 0;
    out << std::string(kColumn - column, ' ');
    column = kColumn;
    for (std::string word; words >> word; column += word.size() + 1) {
      if (column + word.size() > kWidth) out << "\n" << std::string(kColumn, ' '), column = kColumn;
      out << word << ' ';
    }
    out << "\n";
  }
  return out.str();
}

}  // namespace pgan
