#pragma once
#include <string>

namespace pgan {

/// Seconds of "3h50m", "90s", "2d12h", "45m": whole numbers with the units d, h, m, s, each once
/// and in that order. Throws ConfigError naming the option.
double parse_duration(const std::string& option, const std::string& text);

}  // namespace pgan
