#include "report/format.h"

#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace pgan::report {

std::string text_of(const char* format, ...) {
  std::va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, arguments);
  std::string text(static_cast<std::size_t>(length < 0 ? 0 : length), '\0');
  std::vsnprintf(text.data(), text.size() + 1, format, again);
  va_end(again);
  va_end(arguments);
  return text;
}

std::string duration_text(double seconds) {
  constexpr double kLongest = 1e10;  // beyond which the number says nothing
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kLongest) return "?";
  const long long total = std::llround(seconds);
  if (total < 60) return text_of("%llds", total);
  if (total < 3600) return text_of("%lldm%02llds", total / 60, total % 60);
  if (total < 86400) return text_of("%lldh%02lldm", total / 3600, total % 3600 / 60);
  return text_of("%lldd%02lldh", total / 86400, total % 86400 / 3600);
}

std::string bytes_text(std::int64_t bytes) {
  if (bytes < 0) return "?";
  if (bytes < 1000) return std::to_string(bytes) + " B";
  constexpr std::array kUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return text_of("%.*f %s", value < 9.95 ? 1 : 0, value, kUnits[unit]);
}

std::string rate_text(double per_second) {
  if (!std::isfinite(per_second)) return "?";
  if (std::abs(per_second) < 100) return text_of("%.3g", per_second);
  if (std::abs(per_second) < 10000) return text_of("%.0f", per_second);
  return text_of("%.1fk", per_second / 1000);
}

std::string value_text(double value) {
  const double size = std::abs(value);
  if (std::isnan(value)) return "nan";  // printf may show its sign
  if (size == 0) return "0";
  if (size >= 1e5 || size < 1e-4) return text_of("%.1e", value);
  return size < 1000 ? text_of("%.3g", value) : text_of("%.0f", value);
}

std::string share_text(double share) {
  return std::isfinite(share) ? text_of("%.0f%%", 100 * share) : "?";
}

}  // namespace pgan::report
