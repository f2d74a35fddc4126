#pragma once
#include <string>
#include <vector>

#include "core/types.h"

namespace pgan::data {

/// Where training takes its batches from: one rank's rows of each step, in step order.
///
/// The batch of a step depends on the progress before it only, not on what was asked for earlier:
/// a run that is taken up again sees what it would have seen. One thread calls the members.
class BatchSource {
 public:
  virtual ~BatchSource() = default;

  /// The next batch is the one that begins at `progress`. A new source is at {0, 0}.
  virtual void seek(Progress progress) = 0;
  /// The batch at the present progress, which then advances by {1, rows.global}; waits where it is
  /// not ready yet. Throws DataError when the data cannot be read, after which seek() is needed.
  virtual Batch next() = 0;
  /// True when next() would not wait.
  virtual bool ready() const = 0;
  /// One line for each record found damaged since the last call.
  virtual std::vector<std::string> take_reports() = 0;
};

}  // namespace pgan::data
