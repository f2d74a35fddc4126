#include "fuzz/targets.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace pgan::fuzz {

void require(bool fine, const char* promise) {
  if (fine) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

void require_line(const std::string& message) {
  const bool clean = std::none_of(message.begin(), message.end(),
                                  [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (!clean) std::fprintf(stderr, "message: %s\n", message.c_str());
  require(!message.empty() && clean, "a message is one line without control characters");
}

void run(const Target& target, Bytes input) {
  try {
    target.read(input);
  } catch (const Error& error) {
    if (error.code() != target.refusal) throw;
    require_line(error.what());
  }
}

}  // namespace pgan::fuzz
