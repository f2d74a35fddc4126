#pragma once
#include <cstdint>
#include <map>

#include "train/schedule.h"

namespace pgan::train {

/// Time left, from the seconds an image took at each resolution so far.
class Eta {
 public:
  explicit Eta(const Schedule& schedule) : schedule_(schedule) {}
  void measured(std::int64_t resolution, std::int64_t images, double seconds);
  /// Seconds until end_images. Resolutions not reached yet count 3 times the one below: a doubling
  /// has 4 times the pixels and at most as many channels, and small pictures leave cores idle.
  double seconds_left(std::int64_t images, std::int64_t end_images) const;

 private:
  double seconds_per_image(std::int64_t resolution) const;
  const Schedule& schedule_;
  std::map<std::int64_t, double> seconds_per_image_;
};

}  // namespace pgan::train
