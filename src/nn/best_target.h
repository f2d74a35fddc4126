#pragma once
#include <cstdint>

namespace pgan::nn {

#if defined(__x86_64__) && defined(__GNUC__)

// flatten: all that body calls is compiled for the target too.
template <class Body>
[[gnu::target("avx512f"), gnu::flatten]] void run_avx512(const Body& body, std::int64_t first,
                                                         std::int64_t last) {
  body(first, last);
}

template <class Body>
[[gnu::target("avx2,fma"), gnu::flatten]] void run_avx2(const Body& body, std::int64_t first,
                                                        std::int64_t last) {
  body(first, last);
}

/// body(first, last), compiled for the widest vectors that this CPU has.
template <class Body>
void run_best(const Body& body, std::int64_t first, std::int64_t last) {
  if (__builtin_cpu_supports("avx512f")) return run_avx512(body, first, last);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return run_avx2(body, first, last);
  body(first, last);
}

#else

template <class Body>
void run_best(const Body& body, std::int64_t first, std::int64_t last) {
  body(first, last);
}

#endif

}  // namespace pgan::nn
