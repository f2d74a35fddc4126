#include <cstddef>
#include <cstring>

#include "fuzz/targets.h"

/// libFuzzer's; PGAN_FUZZ_TARGET is the name of this program's target.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const pgan::fuzz::Target* const target = [] {
    const auto* found = pgan::fuzz::kTargets;
    while (std::strcmp(found->name, PGAN_FUZZ_TARGET) != 0) ++found;
    return found;
  }();
  pgan::fuzz::run(*target, {data, size});
  return 0;
}
