#include "data/reals.h"

#include <algorithm>
#include <array>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace pgan::data {
namespace {

/// x/127.5 - 1 of every byte.
constexpr std::array<float, 256> kScaled = [] {
  std::array<float, 256> table{};
  for (std::size_t x = 0; x < table.size(); ++x) table[x] = static_cast<float>(x) / 127.5f - 1.0f;
  return table;
}();

constexpr std::int64_t kBlock = 16;  // pixels that 48 bytes in three registers hold

/// Where a row of RGB pixels goes: the rows of three planes that lie `area` values apart.
struct RowPlace {
  float* to;
  std::int64_t count, area;
  bool mirror;
};

void scale_row_plain(const std::uint8_t* from, const RowPlace& row) {
  const std::int64_t step = row.mirror ? -1 : 1;
  float* to = row.mirror ? row.to + row.count - 1 : row.to;
  for (std::int64_t x = 0; x < row.count; ++x, from += 3, to += step) {
    for (std::int64_t c = 0; c < 3; ++c) to[c * row.area] = kScaled[from[c]];
  }
}

/// Two rows in place: each pixel goes (1 - alpha) of the way to the mean of its 2x2 block.
void blend_rows_plain(float* above, float* below, std::int64_t count, float alpha) {
  for (std::int64_t x = 0; x < count; x += 2) {
    const float mean = (above[x] + above[x + 1] + below[x] + below[x + 1]) * 0.25f;
    for (float* pixel : {above + x, above + x + 1, below + x, below + x + 1}) {
      *pixel = mean + (*pixel - mean) * alpha;
    }
  }
}

#ifdef __x86_64__

// 1/127.5 in two parts: a byte times the first is exact, so that the sum of both products rounds
// as the division does, for all 256 bytes, at a third of its time.
constexpr float kHigh = 32897.0f / (1 << 22);
constexpr float kLow = static_cast<float>(1 / 127.5 - static_cast<double>(kHigh));
static_assert([] {
  for (std::size_t x = 0; x < kScaled.size(); ++x) {
    const auto value = static_cast<float>(x);
    if (value * kHigh + value * kLow - 1.0f != kScaled[x]) return false;
  }
  return true;
}());

/// [channel][register]: which bytes of each register go where, in order or mirrored.
constexpr auto kShuffles = [] {
  constexpr char kNone = -128;
  std::array<std::array<std::array<std::array<char, kBlock>, 3>, 3>, 2> out{};
  for (std::size_t mirror = 0; mirror < 2; ++mirror) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      for (std::size_t part = 0; part < 3; ++part) {
        for (std::size_t i = 0; i < kBlock; ++i) {
          const std::size_t byte = 3 * (mirror != 0 ? kBlock - 1 - i : i) + channel;
          out[mirror][channel][part][i] = byte / 16 == part ? static_cast<char>(byte % 16) : kNone;
        }
      }
    }
  }
  return out;
}();

/// 16 pixels at a time. kPast: around the caches, which large pictures would only push out what is
/// needed sooner; needs whole blocks, at addresses of whole blocks.
template <bool kPast>
__attribute__((target("avx2"))) void scale_row_avx2(const std::uint8_t* from, const RowPlace& row) {
  const __m256 high = _mm256_set1_ps(kHigh), low = _mm256_set1_ps(kLow), one = _mm256_set1_ps(1.0f);
  __m128i shuffles[3][3];
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t part = 0; part < 3; ++part) {
      shuffles[c][part] =
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(kShuffles[row.mirror][c][part].data()));
    }
  }
  const std::int64_t blocks = row.count / kBlock;
  for (std::int64_t block = 0; block < blocks; ++block, from += 3 * kBlock) {
    const __m128i parts[3] = {_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)),
                              _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 16)),
                              _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 32))};
    const std::int64_t x = row.mirror ? row.count - (block + 1) * kBlock : block * kBlock;
    for (std::size_t c = 0; c < 3; ++c) {
      __m128i bytes = _mm_shuffle_epi8(parts[0], shuffles[c][0]);
      bytes = _mm_or_si128(bytes, _mm_shuffle_epi8(parts[1], shuffles[c][1]));
      bytes = _mm_or_si128(bytes, _mm_shuffle_epi8(parts[2], shuffles[c][2]));
      float* out = row.to + static_cast<std::int64_t>(c) * row.area + x;
      for (int half = 0; half < 2; ++half, bytes = _mm_srli_si128(bytes, 8), out += 8) {
        const __m256 value = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
        const __m256 scaled = _mm256_sub_ps(
            _mm256_add_ps(_mm256_mul_ps(value, high), _mm256_mul_ps(value, low)), one);
        if constexpr (kPast) {
          _mm256_stream_ps(out, scaled);
        } else {
          _mm256_storeu_ps(out, scaled);
        }
      }
    }
  }
  const std::int64_t done = blocks * kBlock;
  scale_row_plain(from,
                  {row.mirror ? row.to : row.to + done, row.count - done, row.area, row.mirror});
}

/// The same sums in the same order as the plain one's.
__attribute__((target("avx2"))) void blend_rows_avx2(float* above, float* below, std::int64_t count,
                                                     float alpha) {
  const __m256 weight = _mm256_set1_ps(alpha), quarter = _mm256_set1_ps(0.25f);
  std::int64_t x = 0;
  for (; x + 8 <= count; x += 8) {
    const __m256 a = _mm256_loadu_ps(above + x), b = _mm256_loadu_ps(below + x);
    __m256 mean = _mm256_add_ps(_mm256_moveldup_ps(a), _mm256_movehdup_ps(a));
    mean = _mm256_add_ps(mean, _mm256_moveldup_ps(b));
    mean = _mm256_mul_ps(_mm256_add_ps(mean, _mm256_movehdup_ps(b)), quarter);
    const auto mix = [&](__m256 pixels) __attribute__((target("avx2"))) {
      return _mm256_add_ps(mean, _mm256_mul_ps(_mm256_sub_ps(pixels, mean), weight));
    };
    _mm256_storeu_ps(above + x, mix(a));
    _mm256_storeu_ps(below + x, mix(b));
  }
  blend_rows_plain(above + x, below + x, count - x, alpha);
}

#endif

struct Kernels {
  void (*scale_row)(const std::uint8_t*, const RowPlace&) = scale_row_plain;
  void (*scale_row_past_caches)(const std::uint8_t*, const RowPlace&) = scale_row_plain;
  void (*blend_rows)(float*, float*, std::int64_t, float) = blend_rows_plain;
};

Kernels best_kernels() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) {
    return {scale_row_avx2<false>, scale_row_avx2<true>, blend_rows_avx2};
  }
#endif
  return {};
}

/// Some such pictures fill a core's caches before a step reads them.
constexpr std::int64_t kSidePastCaches = 256;

bool past_caches(const float* out, std::int64_t side) {
  return side >= kSidePastCaches && side % kBlock == 0 &&
         reinterpret_cast<std::uintptr_t>(out) % 64 == 0;
}

}  // namespace

void fill_real(std::span<const std::uint8_t> pixels, const Growth& growth, bool mirror,
               float* out) {
  static const Kernels kernels = best_kernels();
  const std::int64_t side = growth.resolution, area = side * side;
  const bool past = !growth.fading() && past_caches(out, side);
  const auto scale_row = past ? kernels.scale_row_past_caches : kernels.scale_row;
  for (std::int64_t y = 0; y < side; ++y) {
    float* row = out + y * side;
    scale_row(pixels.data() + 3 * y * side, {row, side, area, mirror});
    if (!growth.fading() || y % 2 == 0) continue;
    for (std::int64_t c = 0; c < 3; ++c) {
      float* plane = row + c * area;
      kernels.blend_rows(plane - side, plane, side, static_cast<float>(growth.alpha));
    }
  }
#ifdef __x86_64__
  _mm_sfence();  // what went past the caches is seen by whoever is told that the batch is ready
#endif
}

}  // namespace pgan::data
