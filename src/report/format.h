#pragma once
#include <cstdint>
#include <string>

namespace pgan::report {

/// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string text_of(const char* format, ...);

/// Seconds as two units: "45s", "12m34s", "1h02m", "3d04h". Negative or not finite: "?".
std::string duration_text(double seconds);

/// Bytes with decimal units and two or three digits: "812 B", "1.2 GB", "93 MB".
std::string bytes_text(std::int64_t bytes);

/// A rate with three digits, without its unit: "0.45", "3.4", "512", "12.3k". Not finite: "?".
std::string rate_text(double per_second);

/// A loss with three digits: "-1.23", "0.00412", "1.2e+05", "nan", "inf".
std::string value_text(double value);

/// A share of 1 as whole per cent: "3%".
std::string share_text(double share);

}  // namespace pgan::report
