#pragma once
#include <algorithm>
#include <cstdint>
#include <latch>

#include <ATen/Parallel.h>

namespace pgan::nn {

/// Calls body(first, last) for shares of [0, count), at once, from as many threads as torch
/// computes with, and returns when all are done. body must not throw, and its results must not
/// depend on where shares begin. at::parallel_for is serial in code that is not compiled for
/// OpenMP, and torch brings an OpenMP runtime of its own.
template <class Body>
void in_parallel(std::int64_t count, const Body& body) {
  const std::int64_t shares = std::min<std::int64_t>(at::get_num_threads(), count);
  if (shares <= 1) return body(0, count);
  const auto begin = [&](std::int64_t share) { return count * share / shares; };
  std::latch others(shares - 1);
  for (std::int64_t share = 1; share < shares; ++share) {
    at::launch([&, share] {
      body(begin(share), begin(share + 1));
      others.count_down();
    });
  }
  body(0, begin(1));
  others.wait();
}

}  // namespace pgan::nn
