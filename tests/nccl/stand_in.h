#pragma once
#include <functional>

namespace pgan::tests {

/// What the stand-in library takes in the place of a cudaStream_t.
class StandInStream {
 public:
  /// Runs the task after all that were posted before it.
  virtual void post(std::function<void()> task) = 0;

 protected:
  ~StandInStream() = default;
};

}  // namespace pgan::tests
