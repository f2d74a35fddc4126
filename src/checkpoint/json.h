#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace pgan::checkpoint {

using Json = nlohmann::json;

/// Parses a text from outside: an object at the top, no repeated keys, at most 16 levels deep.
/// Throws CheckpointError naming `where`.
Json parse_json(std::string_view text, const std::string& where);

/// Member of an object. Throws CheckpointError naming `where` and the key when it is missing.
const Json& member(const Json& object, const char* key, const std::string& where);

/// A whole number within [low, high], a number, a text. Throw CheckpointError naming `where`.
std::int64_t integer(const Json& value, std::int64_t low, std::int64_t high,
                     const std::string& where);
double number(const Json& value, const std::string& where);
std::string text(const Json& value, const std::string& where);

/// Refuses names that are empty, long or hold control characters, which would garble a terminal.
void check_name(const std::string& name, const std::string& where);

}  // namespace pgan::checkpoint
