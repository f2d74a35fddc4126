#include "train/resolution_table.h"

#include <bit>
#include <charconv>
#include <string_view>

#include "core/error.h"

namespace pgan::train {
namespace {

template <class Number>
Number parse(std::string_view text, const std::string& where) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value > 0) ||
      value > Number(1e9)) {
    throw ConfigError(where +
                      ": expected a number above 0 and at most 1e9, or a list by resolution like "
                      "4:X,16:Y, found '" +
                      std::string(text) + "'");
  }
  return value;
}

}  // namespace

ResolutionTable::ResolutionTable(const std::string& option, const std::string& text,
                                 std::int64_t lowest) {
  const std::string where = "--" + option + " " + text;
  if (text.find(':') == std::string::npos) {
    values_[1] = parse<double>(text, where);
    return;
  }
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view entry = std::string_view(text).substr(begin, end - begin);
    const std::size_t colon = std::min(entry.find(':'), entry.size());
    const auto resolution = parse<std::int64_t>(entry.substr(0, colon), where);
    if (!std::has_single_bit(static_cast<std::uint64_t>(resolution))) {
      throw ConfigError(where + ": resolution " + std::to_string(resolution) +
                        " is no power of two");
    }
    const double value = parse<double>(entry.substr(std::min(colon + 1, entry.size())), where);
    if (!values_.emplace(resolution, value).second) {
      throw ConfigError(where + ": resolution " + std::to_string(resolution) + " is listed twice");
    }
    begin = end + 1;
  }
  if (values_.begin()->first > lowest) {
    throw ConfigError(where + ": no value for resolution " + std::to_string(lowest) +
                      ", where training starts; begin the list with " + std::to_string(lowest) +
                      ":");
  }
}

double ResolutionTable::at(std::int64_t resolution) const {
  return std::prev(values_.upper_bound(resolution))->second;
}

}  // namespace pgan::train
