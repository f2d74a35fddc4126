#include "train/eta.h"

#include <algorithm>

namespace pgan::train {
namespace {

constexpr double kRecentWeight = 0.3;
constexpr double kDoublingFactor = 3.0;
constexpr std::int64_t kSlices = 512;

}  // namespace

void Eta::measured(std::int64_t resolution, std::int64_t images, double seconds) {
  if (images <= 0) return;
  const double now = seconds / static_cast<double>(images);
  const auto [entry, first] = seconds_per_image_.try_emplace(resolution, now);
  if (!first) entry->second += kRecentWeight * (now - entry->second);
}

double Eta::seconds_per_image(std::int64_t resolution) const {
  const auto above = seconds_per_image_.upper_bound(resolution);
  if (above == seconds_per_image_.begin()) return 0;
  double seconds = std::prev(above)->second;
  for (std::int64_t r = std::prev(above)->first; r < resolution; r *= 2) seconds *= kDoublingFactor;
  return seconds;
}

double Eta::seconds_left(std::int64_t images, std::int64_t end_images) const {
  const double slice = static_cast<double>(end_images - images) / kSlices;
  double seconds = 0;
  for (std::int64_t i = 0; i < kSlices && slice > 0; ++i) {
    const double middle = static_cast<double>(images) + (static_cast<double>(i) + 0.5) * slice;
    seconds += slice *
               seconds_per_image(schedule_.growth_at(static_cast<std::int64_t>(middle)).resolution);
  }
  return seconds;
}

}  // namespace pgan::train
