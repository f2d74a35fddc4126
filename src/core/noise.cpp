#include "core/noise.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "core/error.h"

namespace pgan {
namespace {

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ull;

/// SplitMix64's finaliser: a bijection that spreads every input bit over the output.
std::uint64_t mix(std::uint64_t x) {
  x += kGolden;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

std::uint64_t high_bits(const PhiloxBlock& block, int pair) {
  return (std::uint64_t{block.word[2 * pair]} << 32 | block.word[2 * pair + 1]) >> 11;
}

/// [0,1) and (0,1] in steps of 2^-53.
double open_unit(const PhiloxBlock& block, int pair) {
  return static_cast<double>(high_bits(block, pair)) * 0x1p-53;
}
double positive_unit(const PhiloxBlock& block, int pair) {
  return static_cast<double>(high_bits(block, pair) + 1) * 0x1p-53;
}

/// Box-Muller: elements 2i and 2i+1 of a row come from block i.
void fill_normal(std::uint64_t key, std::uint64_t row, double* out, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += 2) {
    const PhiloxBlock block = philox(key, static_cast<std::uint64_t>(i / 2), row);
    const double radius = std::sqrt(-2.0 * std::log(positive_unit(block, 0)));
    const double angle = 2.0 * std::numbers::pi * open_unit(block, 1);
    out[i] = radius * std::cos(angle);
    if (i + 1 < count) out[i + 1] = radius * std::sin(angle);
  }
}

/// Elements 2i and 2i+1 of a row come from block i.
void fill_uniform(std::uint64_t key, std::uint64_t row, double* out, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += 2) {
    const PhiloxBlock block = philox(key, static_cast<std::uint64_t>(i / 2), row);
    out[i] = open_unit(block, 0);
    if (i + 1 < count) out[i + 1] = open_unit(block, 1);
  }
}

}  // namespace

PhiloxBlock philox(std::uint64_t key, std::uint64_t counter_low, std::uint64_t counter_high) {
  std::uint32_t c0 = static_cast<std::uint32_t>(counter_low);
  std::uint32_t c1 = static_cast<std::uint32_t>(counter_low >> 32);
  std::uint32_t c2 = static_cast<std::uint32_t>(counter_high);
  std::uint32_t c3 = static_cast<std::uint32_t>(counter_high >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(key);
  std::uint32_t k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * c0;
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * c2;
    c0 = static_cast<std::uint32_t>(product1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(product1);
    c2 = static_cast<std::uint32_t>(product0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(product0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

std::uint64_t name_key(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325ull;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return hash;
}

torch::Tensor named_normal(std::uint64_t seed, std::string_view name, torch::IntArrayRef shape) {
  torch::Tensor out = torch::empty(shape, torch::kFloat64);
  fill_normal(mix(mix(seed) ^ name_key(name)), 0, out.mutable_data_ptr<double>(), out.numel());
  return out;
}

torch::Tensor named_uniform(std::uint64_t seed, std::string_view name, torch::IntArrayRef shape) {
  torch::Tensor out = torch::empty(shape, torch::kFloat64);
  fill_uniform(mix(mix(seed) ^ name_key(name)), 0, out.mutable_data_ptr<double>(), out.numel());
  return out;
}

Noise::Noise(std::uint64_t seed, std::int64_t step, std::string_view phase, RowShare rows,
             torch::TensorOptions options)
    : phase_key_(mix(mix(mix(seed) ^ static_cast<std::uint64_t>(step)) ^ name_key(phase))),
      rows_(std::move(rows)),
      options_(options) {}

std::uint64_t Noise::next_key() {
  return mix(phase_key_ ^ ++draws_);
}

template <class Fill>
torch::Tensor Noise::draw(torch::IntArrayRef shape, torch::Dtype dtype, Fill fill) {
  std::vector<std::int64_t> full{rows()};
  full.insert(full.end(), shape.begin(), shape.end());
  torch::Tensor out = torch::empty(full, torch::kFloat64);
  const std::uint64_t key = next_key();
  const std::int64_t each = rows() == 0 ? 0 : out.numel() / rows();
  double* data = out.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < rows(); ++i) {
    fill(key, static_cast<std::uint64_t>(rows_.rows[static_cast<std::size_t>(i)]), data + i * each,
         each);
  }
  return out.to(options_.dtype(dtype));
}

torch::Tensor Noise::normal(torch::IntArrayRef shape) {
  return draw(shape, c10::typeMetaToScalarType(options_.dtype()), fill_normal);
}

torch::Tensor Noise::uniform(torch::IntArrayRef shape) {
  return draw(shape, c10::typeMetaToScalarType(options_.dtype()), fill_uniform);
}

torch::Tensor Noise::integers(std::int64_t high, torch::IntArrayRef shape) {
  if (high < 1) throw Error(ExitCode::internal, "Noise::integers: high must be at least 1");
  const auto fill = [high](std::uint64_t key, std::uint64_t row, double* out, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      const PhiloxBlock block = philox(key, static_cast<std::uint64_t>(i / 2), row);
      out[i] = std::floor(open_unit(block, static_cast<int>(i % 2)) * static_cast<double>(high));
    }
  };
  return draw(shape, torch::kInt64, fill);
}

torch::Tensor Noise::permutation() {
  torch::Tensor out = torch::arange(rows_.global, torch::kInt64);
  std::int64_t* data = out.mutable_data_ptr<std::int64_t>();
  const std::uint64_t key = next_key();
  for (std::int64_t i = rows_.global - 1; i > 0; --i) {
    const double u = open_unit(philox(key, static_cast<std::uint64_t>(i), ~std::uint64_t{0}), 0);
    std::swap(data[i], data[static_cast<std::int64_t>(u * static_cast<double>(i + 1))]);
  }
  return out.to(options_.device());
}

}  // namespace pgan
