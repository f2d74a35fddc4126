#include "data/printable.h"

#include <cstdint>

namespace pgan::data {
namespace {

/// Bytes of the UTF-8 character at the front, 0 where there is none.
std::size_t character_length(std::string_view text) {
  const auto first = static_cast<std::uint8_t>(text[0]);
  const std::size_t length = first < 0x80                     ? 1
                             : first >= 0xC2 && first <= 0xDF ? 2
                             : first >= 0xE0 && first <= 0xEF ? 3
                             : first >= 0xF0 && first <= 0xF4 ? 4
                                                              : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<std::uint8_t>(text[i]) & 0xC0) != 0x80) return 0;
  }
  if (length < 3) return length;
  // Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte.
  const auto second = static_cast<std::uint8_t>(text[1]);
  const bool bad = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                   (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return bad ? 0 : length;
}

/// Control characters, line separators, and those that turn the direction of writing.
bool is_unsafe(std::string_view character) {
  const auto first = static_cast<std::uint8_t>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  const auto second = static_cast<std::uint8_t>(character[1]);
  if (character.size() == 2) return first == 0xC2 && second < 0xA0;
  if (first != 0xE2 || character.size() != 3) return false;
  const auto third = static_cast<std::uint8_t>(character[2]);
  return (second == 0x80 && third >= 0xA8 && third <= 0xAE) ||  // U+2028-202E
         (second == 0x81 && third >= 0xA6 && third <= 0xA9);    // U+2066-2069
}

}  // namespace

std::string printable(std::string_view name) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t length = character_length(name.substr(at));
    const std::string_view character = name.substr(at, length > 0 ? length : 1);
    const bool escape_like = name.substr(at).starts_with("\\x");
    if (length > 0 && !is_unsafe(character) && !escape_like) {
      out += character;
    } else {
      for (const char c : character) {
        const auto byte = static_cast<std::uint8_t>(c);
        out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
      }
    }
    at += character.size();
  }
  return out;
}

}  // namespace pgan::data
