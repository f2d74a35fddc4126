#pragma once
#include <chrono>
#include <functional>
#include <memory>

namespace pgan::report {

/// Writes reports on a thread of its own, in order, so that training does not wait on a disk.
///
/// What fails is a warning, the same one at most every 10 minutes: a curve is not worth a run. Any
/// thread may post.
class WriteQueue {
 public:
  WriteQueue();
  /// Waits for what is posted, 10 s at most; then the thread is left to its hanging disk, and owns
  /// all that its work captured.
  ~WriteQueue();
  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;

  /// work: captures by value or shared pointer. Beyond 1000 that wait, it is dropped, with a
  /// warning.
  void post(std::function<void()> work);
  /// Returns once all that was posted has been tried; false when that takes longer.
  bool flush(std::chrono::milliseconds longest);

 private:
  struct State;
  static void run(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

}  // namespace pgan::report
