#pragma once
#include <cstdint>
#include <map>
#include <string>

namespace pgan::train {

/// A number that depends on the resolution, from an option's text: `16`, or `4:64,16:32`, where a
/// value holds from its resolution up to the next listed.
class ResolutionTable {
 public:
  /// option: name for messages. lowest: resolution that must be covered.
  /// Throws ConfigError (no number, not above 0, resolution no power of two or listed twice).
  ResolutionTable(const std::string& option, const std::string& text, std::int64_t lowest);
  double at(std::int64_t resolution) const;

 private:
  std::map<std::int64_t, double> values_;
};

}  // namespace pgan::train
