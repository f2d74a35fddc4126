#pragma once
#include <algorithm>
#include <chrono>
#include <thread>

namespace pgan::comm {

/// Sleeps between questions that double up to 1 ms, so that a short wait stays short and a long one
/// costs little.
class Pauses {
 public:
  void pause() {
    std::this_thread::sleep_for(next_);
    next_ = std::min(next_ * 2, std::chrono::microseconds(1000));
  }

 private:
  std::chrono::microseconds next_{20};
};

}  // namespace pgan::comm
