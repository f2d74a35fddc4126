#pragma once
#include <cstdint>
#include <functional>
#include <memory>

#include "core/options.h"
#include "core/types.h"
#include "data/pack.h"
#include "data/sampler.h"

namespace pgan::data {

struct LoaderOptions {
  std::int64_t threads = 2;   ///< threads that prepare batches
  std::int64_t prefetch = 3;  ///< batches prepared ahead of next()
  void visit(OptionVisitor& visitor);
  void validate() const;  ///< throws ConfigError
};

/// What one step needs of the data.
struct StepPlan {
  Growth growth;
  RowShare rows;
};

/// Prepares one rank's batches ahead of time, in threads of its own.
///
/// The record of global row g of the step that begins at progress p is sampler.at(p.images + g); it
/// is mirrored left to right where Noise(seed, p.step, "mirror", rows).uniform({}) < 0.5. So a
/// batch depends on p, the plan and the seed only: not on ranks, threads or what was loaded before.
/// One thread calls seek() and next(). Its own threads make no MPI call.
class Loader {
 public:
  /// plan: pure; called from loader threads, one call at a time, with the progress before the step,
  /// possibly past the end of training. Throws DataError when the sampler's size is not the pack's.
  Loader(std::shared_ptr<const Pack> pack, Sampler sampler,
         std::function<StepPlan(const Progress& before)> plan, LoaderOptions options,
         std::uint64_t seed, bool mirror);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next batch is the one that begins at `progress`. A new loader is at {0, 0}.
  void seek(Progress progress);
  /// The batch at the present progress, which then advances by {1, rows.global}. "images": float32
  /// [N,3,R,R], contiguous, RGB in [-1,1] (x/127.5 - 1), R = growth.resolution, while fading
  /// already lerp(nearest_up(box_down(x)), x, alpha). Rethrows a loader thread's exception
  /// (DataError), after which seek() is needed.
  Batch next();
  /// Where the next batch begins.
  Progress progress() const;
  /// Time that next() has waited for batches, in total.
  double waited_seconds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pgan::data
