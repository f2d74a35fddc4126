#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/types.h"
#include "data/batch_source.h"
#include "data/pack.h"
#include "data/sampler.h"

namespace pgan::data {

struct LoaderOptions {
  std::int64_t threads = 2;         ///< threads that prepare batches
  std::int64_t prefetch = 0;        ///< batches ahead of next(); 0: as many as are needed
  std::int64_t prefetch_mib = 128;  ///< what those may hold, but two batches always
  void visit(OptionVisitor& visitor);
  void validate() const;  ///< throws ConfigError
};

/// What one step needs of the data.
struct StepPlan {
  Growth growth;
  RowShare rows;
};

/// One entry of a batch, and the records it is drawn from.
struct Stream {
  std::string entry;                 ///< "images"; or one a domain: "a", "b"
  std::vector<RecordRange> records;  ///< of the pack, one behind the other
  Sampler sampler;                   ///< of all of these
};

/// The train split (or all records) as "images"; or, by_domain, each domain as an entry of its
/// name: in one order for all when the domains are paired, else each in its own. Throws DataError
/// when there are no such records.
std::vector<Stream> make_streams(const PackInfo& info, std::uint64_t seed, bool all_splits,
                                 bool by_domain = false);

/// Prepares one rank's batches ahead of time, in threads of its own.
///
/// The record of global row g of the step that begins at progress p is the sampler.at(p.images +
/// g)th of the stream's; it is mirrored left to right where
/// Noise(seed, p.step, "mirror", rows).uniform({}) < 0.5, in all entries alike. So a batch depends
/// on p, the plan and the seed only: not on ranks, threads or what was loaded before. A record that
/// cannot be read is replaced by another that depends on seed and position only, of the same labels
/// where one of 64 has them (pairs are replaced together), and reported.
/// One thread calls the members. The loader's own threads make no MPI call.
class Loader : public BatchSource {
 public:
  /// plan: pure; called from loader threads, one call at a time, with the progress before the step,
  /// possibly past the end of training. pinned: "images" lie in page-locked memory, from which a
  /// GPU copies by itself. Throws DataError when a sampler's size is not its records'.
  Loader(std::shared_ptr<const Pack> pack, std::vector<Stream> streams,
         std::function<StepPlan(const Progress& before)> plan, LoaderOptions options,
         std::uint64_t seed, bool mirror, bool pinned = false);
  ~Loader() override;
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next batch is the one that begins at `progress`. A new loader is at {0, 0}.
  void seek(Progress progress) override;
  /// The batch at the present progress, which then advances by {1, rows.global}. Each stream's
  /// entry: float32 [N,3,R,R], contiguous, RGB in [-1,1] (x/127.5 - 1), R = growth.resolution,
  /// while fading already lerp(nearest_up(box_down(x)), x, alpha). labels and global_labels are the
  /// first stream's; global_labels those of the records as drawn. Rethrows a loader thread's
  /// exception (DataError: no replacement can be read either), after which seek() is needed.
  Batch next() override;
  /// True when next() would not wait.
  bool ready() const override;
  /// Where the next batch begins.
  Progress progress() const;
  /// One line for each record found damaged since the last call.
  std::vector<std::string> take_reports() override;
  /// Batches that are kept ahead at present.
  std::int64_t depth() const;
  /// Time that next() has waited for batches, in total.
  double waited_seconds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pgan::data
