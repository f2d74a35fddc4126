#include "data/sampler.h"

#include <algorithm>
#include <bit>
#include <string>

#include "core/error.h"
#include "core/noise.h"

namespace pgan::data {
namespace {

constexpr int kRounds = 6;

}  // namespace

Sampler::Sampler(std::int64_t records, std::uint64_t seed) : records_(records), seed_(seed) {
  if (records < 1) {
    throw DataError("sampler: a data set needs at least one record, found " +
                    std::to_string(records));
  }
  const int bits = std::bit_width(static_cast<std::uint64_t>(records - 1));
  half_bits_ = std::max(1, (bits + 1) / 2);
}

std::uint64_t Sampler::permute(std::uint64_t value, std::uint64_t epoch_key) const {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t left = value >> half_bits_, right = value & mask;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    const std::uint64_t mixed = philox(epoch_key, right, round).word[0];
    const std::uint64_t next = left ^ (mixed & mask);
    left = right;
    right = next;
  }
  return left << half_bits_ | right;
}

std::int64_t Sampler::at(std::int64_t position) const {
  if (position < 0) {
    throw Error(ExitCode::internal, "Sampler::at: negative position " + std::to_string(position));
  }
  const std::int64_t epoch = position / records_;
  const PhiloxBlock block = philox(seed_, static_cast<std::uint64_t>(epoch), name_key("sampler"));
  const std::uint64_t epoch_key = std::uint64_t{block.word[0]} << 32 | block.word[1];
  std::uint64_t value = static_cast<std::uint64_t>(position % records_);
  do {
    value = permute(value, epoch_key);
  } while (value >= static_cast<std::uint64_t>(records_));
  return static_cast<std::int64_t>(value);
}

}  // namespace pgan::data
