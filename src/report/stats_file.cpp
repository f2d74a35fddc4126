#include "report/stats_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace pgan::report {
namespace fs = std::filesystem;
namespace {

/// Step of a line that stays; -1 for one that does not.
std::int64_t kept_step(std::string_view line, std::int64_t resume_step) {
  const auto object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return -1;
  const auto step = object.find("step");
  if (step == object.end() || !step->is_number_integer()) return -1;
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  if (step->is_number_unsigned() && step->get<std::uint64_t>() > kLargest) return -1;
  const auto number = step->get<std::int64_t>();
  return number <= resume_step ? number : -1;
}

std::string kept_lines(std::string_view text, std::int64_t resume_step, std::int64_t& last_step) {
  std::string kept;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const std::int64_t step = kept_step(line, resume_step);
    if (step >= 0) {
      kept.append(line).push_back('\n');
      last_step = step;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return kept;
}

/// Drops the lines past resume_step; returns the path, for the member initializer.
fs::path cut_back(fs::path file, std::int64_t resume_step, std::int64_t& last_step) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return file;  // there is none, or opening it for writing says what is wrong
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string kept = kept_lines(text, resume_step, last_step);
  if (kept != text) write_text(file, kept);
  return file;
}

}  // namespace

StatsFile::StatsFile(fs::path file, std::int64_t resume_step)
    : file_(cut_back(std::move(file), resume_step, last_step_)) {}

void StatsFile::append(const nlohmann::ordered_json& line) {
  for (const char* name : {"step", "kimg", "resolution", "alpha"}) {
    if (!line.is_object() || !line.contains(name)) {
      throw std::invalid_argument("a line of " + file_.path().string() + " has no \"" + name +
                                  "\"");
    }
  }
  if (!line["step"].is_number_integer()) {
    throw std::invalid_argument("\"step\" of " + file_.path().string() + " is not an integer");
  }
  using Handler = nlohmann::ordered_json::error_handler_t;
  file_.append(line.dump(-1, ' ', false, Handler::replace) + "\n");
  last_step_ = line["step"].get<std::int64_t>();
}

}  // namespace pgan::report
