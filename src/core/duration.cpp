#include "core/duration.h"

#include <charconv>
#include <cstdint>
#include <string_view>

#include "core/error.h"

namespace pgan {

double parse_duration(const std::string& option, const std::string& text) {
  constexpr std::string_view kUnits = "dhms";
  constexpr double kSeconds[] = {86400, 3600, 60, 1};
  constexpr std::int64_t kMost = 1'000'000;
  double seconds = 0;
  std::size_t next_unit = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  bool valid = !text.empty();
  while (valid && at != end) {
    std::int64_t count = 0;
    const auto [rest, error] = std::from_chars(at, end, count);
    const std::size_t unit = rest == end ? std::string_view::npos : kUnits.find(*rest);
    valid = error == std::errc() && count >= 0 && count <= kMost &&
            unit != std::string_view::npos && unit >= next_unit;
    if (!valid) break;
    seconds += static_cast<double>(count) * kSeconds[unit];
    next_unit = unit + 1;
    at = rest + 1;
  }
  if (!valid || seconds <= 0) {
    throw ConfigError("--" + option + " " + text + ": expected a time like 3h50m, 90s or 2d12h");
  }
  return seconds;
}

}  // namespace pgan
