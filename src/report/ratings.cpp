#include "report/ratings.h"

#include <cmath>
#include <fstream>

#include <nlohmann/json.hpp>

namespace pgan::report {
namespace {

/// Images of a line: its kimg in thousands, which lines hold as a decimal number.
std::int64_t images_of(const nlohmann::json& line) {
  const auto kimg = line.find("kimg");
  if (kimg == line.end() || !kimg->is_number()) return -1;
  const double images = std::round(kimg->get<double>() * 1000);
  return images >= 0 && images < 9e18 ? static_cast<std::int64_t>(images) : -1;
}

std::optional<double> last_value(const std::filesystem::path& file, const std::string& field,
                                 std::int64_t images) {
  std::ifstream lines(file);
  std::optional<double> value;
  for (std::string text; std::getline(lines, text);) {
    const auto line = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!line.is_object() || !line.contains(field) || !line[field].is_number()) continue;
    const std::int64_t at = images_of(line);
    if (at >= 0 && at <= images) value = line[field].get<double>();
  }
  return value;
}

}  // namespace

Ratings::Ratings(RunFolder folder, const std::string& metric) : folder_(std::move(folder)) {
  const std::size_t colon = metric.rfind(':');
  field_ = metric.substr(0, colon);
  const std::string order = colon == std::string::npos ? "min" : metric.substr(colon + 1);
  if (field_.empty() || (order != "min" && order != "max")) {
    throw ConfigError("--keep-best " + metric +
                      ": expected a field of metrics.jsonl or stats.jsonl, with :max behind it if "
                      "large is good");
  }
  if (order == "max") sign_ = 1;
}

std::optional<double> Ratings::at(std::int64_t images) const {
  for (const auto& file : {folder_.metrics(), folder_.stats()}) {
    if (const auto value = last_value(file, field_, images)) return sign_ * *value;
  }
  return std::nullopt;
}

}  // namespace pgan::report
