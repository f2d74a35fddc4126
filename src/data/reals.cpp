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

/// A row of `count` RGB pixels to the rows of three planes that lie `area` values apart.
void scale_row_plain(const std::uint8_t* from, std::int64_t count, std::int64_t area, float* to) {
  for (std::int64_t x = 0; x < count; ++x, from += 3) {
    for (std::int64_t c = 0; c < 3; ++c) to[c * area + x] = kScaled[from[c]];
  }
}

#ifdef __x86_64__

/// The same, 16 pixels at a time: 48 bytes in three registers are sorted by channel, widened and
/// scaled by the same two operations, so that every value is that of the table.
__attribute__((target("avx2"))) void scale_row_avx2(const std::uint8_t* from, std::int64_t count,
                                                    std::int64_t area, float* to) {
  constexpr char kNone = -128;
  // [channel][register]: which bytes of each register go where.
  alignas(16) static constexpr auto kShuffles = [] {
    std::array<std::array<std::array<char, 16>, 3>, 3> out{};
    for (std::size_t channel = 0; channel < 3; ++channel) {
      for (std::size_t part = 0; part < 3; ++part) {
        for (std::size_t i = 0; i < 16; ++i) {
          const std::size_t byte = 3 * i + channel;
          out[channel][part][i] = byte / 16 == part ? static_cast<char>(byte % 16) : kNone;
        }
      }
    }
    return out;
  }();
  const __m256 divisor = _mm256_set1_ps(127.5f), one = _mm256_set1_ps(1.0f);
  std::int64_t x = 0;
  for (; x + 16 <= count; x += 16, from += 48) {
    const __m128i parts[3] = {_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)),
                              _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 16)),
                              _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 32))};
    for (std::size_t c = 0; c < 3; ++c) {
      __m128i bytes = _mm_setzero_si128();
      for (std::size_t part = 0; part < 3; ++part) {
        const auto* shuffle = reinterpret_cast<const __m128i*>(kShuffles[c][part].data());
        bytes = _mm_or_si128(bytes, _mm_shuffle_epi8(parts[part], _mm_load_si128(shuffle)));
      }
      float* out = to + static_cast<std::int64_t>(c) * area + x;
      for (int half = 0; half < 2; ++half, bytes = _mm_srli_si128(bytes, 8), out += 8) {
        const __m256 value = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
        _mm256_storeu_ps(out, _mm256_sub_ps(_mm256_div_ps(value, divisor), one));
      }
    }
  }
  scale_row_plain(from, count - x, area, to + x);
}

#endif

using ScaleRow = void (*)(const std::uint8_t*, std::int64_t, std::int64_t, float*);

ScaleRow best_scale_row() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) return scale_row_avx2;
#endif
  return scale_row_plain;
}

/// [2h,2w] in place: each pixel goes (1 - alpha) of the way to the mean of its 2x2 block.
void blend_blocks(float* plane, std::int64_t side, float alpha) {
  for (std::int64_t y = 0; y < side; y += 2) {
    float* above = plane + y * side;
    float* below = above + side;
    for (std::int64_t x = 0; x < side; x += 2) {
      const float mean = (above[x] + above[x + 1] + below[x] + below[x + 1]) * 0.25f;
      for (float* pixel : {above + x, above + x + 1, below + x, below + x + 1}) {
        *pixel = mean + (*pixel - mean) * alpha;
      }
    }
  }
}

}  // namespace

void fill_real(std::span<const std::uint8_t> pixels, const Growth& growth, bool mirror,
               float* out) {
  static const ScaleRow scale_row = best_scale_row();
  const std::int64_t side = growth.resolution, area = side * side;
  for (std::int64_t y = 0; y < side; ++y) {
    float* row = out + y * side;
    scale_row(pixels.data() + 3 * y * side, side, area, row);
    for (std::int64_t c = 0; mirror && c < 3; ++c) {
      std::reverse(row + c * area, row + c * area + side);
    }
  }
  if (!growth.fading()) return;
  for (std::int64_t c = 0; c < 3; ++c) {
    blend_blocks(out + c * area, side, static_cast<float>(growth.alpha));
  }
}

}  // namespace pgan::data
