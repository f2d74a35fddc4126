#include "checkpoint/json.h"

#include <algorithm>
#include <set>
#include <vector>

#include "core/error.h"

namespace pgan::checkpoint {
namespace {

constexpr int kDeepest = 16;
constexpr std::size_t kLongestName = 1024;

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw CheckpointError(where + ": " + what);
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kDeepest) fail(where, "JSON nested deeper than 16 levels");
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key &&
        !keys.back().insert(parsed.get_ref<const std::string&>()).second) {
      fail(where, "JSON key given twice: \"" + parsed.get<std::string>().substr(0, 64) + "\"");
    }
    return true;
  };
  Json result;
  try {
    result = Json::parse(text.begin(), text.end(), watch);
  } catch (const Json::exception&) {
    fail(where, "not valid JSON; the file is damaged");
  }
  if (!result.is_object()) fail(where, "expected a JSON object");
  return result;
}

const Json& member(const Json& object, const char* key, const std::string& where) {
  if (!object.is_object()) fail(where, "expected a JSON object");
  const auto found = object.find(key);
  if (found == object.end()) fail(where, std::string("no \"") + key + "\"");
  return *found;
}

std::int64_t integer(const Json& value, std::int64_t low, std::int64_t high,
                     const std::string& where) {
  const bool fits = value.is_number_unsigned()
                        ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX)
                        : value.is_number_integer();
  const std::int64_t result = fits ? value.get<std::int64_t>() : 0;
  if (!fits || result < low || result > high) {
    fail(where,
         "expected a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return result;
}

double number(const Json& value, const std::string& where) {
  if (!value.is_number()) fail(where, "expected a number");
  return value.get<double>();
}

std::string text(const Json& value, const std::string& where) {
  if (!value.is_string()) fail(where, "expected a text");
  return value.get<std::string>();
}

void check_name(const std::string& name, const std::string& where) {
  const bool clean = std::none_of(name.begin(), name.end(), [](unsigned char letter) {
    return letter < 0x20 || letter == 0x7f;
  });
  if (name.empty() || name.size() > kLongestName || !clean) {
    fail(where, "a name that is empty, longer than 1024 bytes or has control characters");
  }
}

}  // namespace pgan::checkpoint
