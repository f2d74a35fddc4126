#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/batch_source.h"
#include "data/loader.h"

namespace pgan::data {

/// Whose turn a step is, and where that set is then.
struct Turn {
  std::int64_t set = 0;
  Progress own;  ///< the set's: steps and images taken of it alone
};

/// The turn of the step that begins at `before`, of `sets` data sets in turn: set k = step mod sets
/// at {step / sets, (images - k minibatch) / sets}, not below zero images. minibatch: rows of a
/// step over all ranks, the same for all steps; of no matter with one set, which is at `before`.
Turn turn_at(const Progress& before, std::int64_t sets, std::int64_t minibatch);

/// The seed of one set's order and mirroring: sets of one run must not share them. Set 0 has the
/// run's own, so that a run of one set stays what it is.
std::uint64_t seed_of_set(std::uint64_t seed, std::int64_t set);

/// Batches of K data sets in turn: step s takes set s mod K (Choi et al. 2018, section 3.2).
///
/// The batch of a step is a pure function of the progress before it, by turn_at(). Each set has a
/// Loader, which prepares its batches ahead in threads and memory of its own. It is made as for a
/// run of that set alone, with seed_of_set() for its streams and itself; its plan gets the set's
/// own progress {s, i}, which is {s K + k, i K + k minibatch} of the run. A model of one size
/// ignores it. With one set the batches are those of its Loader.
class AlternatingLoader : public BatchSource {
 public:
  /// loaders: one or more, each at {0, 0}. minibatch: as of turn_at(). Throws Error when there is
  /// no loader or, with several, minibatch < 1.
  AlternatingLoader(std::vector<std::unique_ptr<Loader>> loaders, std::int64_t minibatch);

  void seek(Progress progress) override;
  /// As Loader::next(), with Batch::set. Throws Error when one of several sets plans a step of
  /// another size than `minibatch`.
  Batch next() override;
  /// Of the set whose turn is next.
  bool ready() const override;
  /// Of all sets, in their order.
  std::vector<std::string> take_reports() override;
  std::int64_t sets() const { return std::ssize(loaders_); }

 private:
  Turn turn(const Progress& before) const { return turn_at(before, sets(), minibatch_); }

  std::vector<std::unique_ptr<Loader>> loaders_;
  std::int64_t minibatch_;
  Progress present_;  // where the next batch begins
};

}  // namespace pgan::data
