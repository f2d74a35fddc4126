#include "train/adam_kernel.h"

#include <algorithm>
#include <cmath>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "nn/parallel.h"

namespace pgan::train {
namespace {

/// Elements that threads take at once: which of them a kernel takes together is then the same for
/// any number of threads.
constexpr std::int64_t kBlock = 4096;

template <class T>
struct Slices {
  T* w;
  const T* g;
  T* m;  ///< null: m = g
  T* v;
  Slices from(std::int64_t i) const { return {w + i, g + i, m ? m + i : nullptr, v + i}; }
};

template <class T>
void update_plain(const Slices<T>& at, std::int64_t count, const AdamFactors& factors) {
  const T first = static_cast<T>(factors.first), beta2 = static_cast<T>(factors.beta2);
  const T second = static_cast<T>(factors.second), epsilon = static_cast<T>(factors.epsilon);
  const T rate = static_cast<T>(factors.rate);
  for (std::int64_t i = 0; i < count; ++i) {
    const T g = at.g[i];
    const T m = at.m ? at.m[i] += (g - at.m[i]) * first : g;
    at.v[i] = at.v[i] * beta2 + g * g * second;
    at.w[i] -= rate * m / (std::sqrt(at.v[i]) + epsilon);
  }
}

#ifdef __x86_64__

__attribute__((target("avx2,fma"))) void update_avx2(const Slices<float>& at, std::int64_t count,
                                                     const AdamFactors& factors) {
  const __m256 first = _mm256_set1_ps(static_cast<float>(factors.first));
  const __m256 beta2 = _mm256_set1_ps(static_cast<float>(factors.beta2));
  const __m256 second = _mm256_set1_ps(static_cast<float>(factors.second));
  const __m256 epsilon = _mm256_set1_ps(static_cast<float>(factors.epsilon));
  const __m256 rate = _mm256_set1_ps(static_cast<float>(factors.rate));
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 g = _mm256_loadu_ps(at.g + i);
    __m256 m = g;
    if (at.m) {
      const __m256 old = _mm256_loadu_ps(at.m + i);
      m = _mm256_fmadd_ps(_mm256_sub_ps(g, old), first, old);
      _mm256_storeu_ps(at.m + i, m);
    }
    const __m256 square = _mm256_mul_ps(_mm256_mul_ps(g, g), second);
    const __m256 v = _mm256_fmadd_ps(_mm256_loadu_ps(at.v + i), beta2, square);
    _mm256_storeu_ps(at.v + i, v);
    const __m256 divisor = _mm256_add_ps(_mm256_sqrt_ps(v), epsilon);
    const __m256 step = _mm256_div_ps(_mm256_mul_ps(rate, m), divisor);
    _mm256_storeu_ps(at.w + i, _mm256_sub_ps(_mm256_loadu_ps(at.w + i), step));
  }
  update_plain(at.from(i), count - i, factors);
}

#endif

void update(const Slices<double>& at, std::int64_t count, const AdamFactors& factors) {
  update_plain(at, count, factors);
}

void update(const Slices<float>& at, std::int64_t count, const AdamFactors& factors) {
#ifdef __x86_64__
  static const bool wide = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (wide) return update_avx2(at, count, factors);
#endif
  update_plain(at, count, factors);
}

template <class T>
void update_all(torch::Tensor& w, const torch::Tensor& g, torch::Tensor& m, torch::Tensor& v,
                const AdamFactors& factors) {
  const Slices<T> all{w.mutable_data_ptr<T>(), g.const_data_ptr<T>(),
                      m.defined() ? m.mutable_data_ptr<T>() : nullptr, v.mutable_data_ptr<T>()};
  const std::int64_t count = w.numel();
  nn::in_parallel((count + kBlock - 1) / kBlock, [&](std::int64_t first, std::int64_t last) {
    const std::int64_t begin = first * kBlock, end = std::min(last * kBlock, count);
    update(all.from(begin), end - begin, factors);
  });
}

}  // namespace

bool adam_in_one_pass(torch::Tensor& w, const torch::Tensor& g, torch::Tensor& m, torch::Tensor& v,
                      const AdamFactors& factors) {
  const auto like_w = [&](const torch::Tensor& x) {
    return x.is_cpu() && x.scalar_type() == w.scalar_type();
  };
  const auto ordered = [&](const torch::Tensor& x) { return x.strides() == w.strides(); };
  if (!w.is_non_overlapping_and_dense() || !like_w(w) || !like_w(g)) return false;
  if (!like_w(v) || !ordered(v) || (m.defined() && (!like_w(m) || !ordered(m)))) return false;
  const torch::Tensor gradient = ordered(g) ? g : torch::empty_like(w).copy_(g);
  if (w.scalar_type() == torch::kFloat32) {
    update_all<float>(w, gradient, m, v, factors);
  } else if (w.scalar_type() == torch::kFloat64) {
    update_all<double>(w, gradient, m, v, factors);
  } else {
    return false;
  }
  // As an operation in place would: a graph that needs the old values must not be gone back
  // through.
  for (const torch::Tensor& changed : {w, m, v}) {
    if (changed.defined()) changed.unsafeGetTensorImpl()->bump_version();
  }
  return true;
}

}  // namespace pgan::train
