#pragma once
#include <cstdint>

namespace pgan::data {

/// Seeded endless permutation of a data set's records, the same whatever the rank count.
///
/// Positions [e*records, (e+1)*records) are epoch e: each record once, in an order of its own.
/// Nothing is stored: a Feistel network keyed by (seed, epoch) permutes the next power of four, and
/// cycle walking keeps to the records (Black and Rogaway, "Ciphers with arbitrary finite domains",
/// 2002). Const members are thread-safe.
class Sampler {
 public:
  /// Throws DataError unless records >= 1.
  Sampler(std::int64_t records, std::uint64_t seed);
  /// Record in [0, records) at a position >= 0.
  std::int64_t at(std::int64_t position) const;
  std::int64_t records() const { return records_; }

 private:
  std::uint64_t permute(std::uint64_t value, std::uint64_t epoch_key) const;

  std::int64_t records_;
  std::uint64_t seed_;
  int half_bits_;
};

}  // namespace pgan::data
