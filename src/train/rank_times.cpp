#include "train/rank_times.h"

#include <algorithm>
#include <array>

namespace pgan::train {
namespace {

constexpr std::int64_t kLeastSteps = 5;
constexpr double kNotableRatio = 1.2;
constexpr std::array kOwnParts = {Part::data, Part::forward, Part::backward, Part::optimizer};

double own_seconds(const PartSeconds& seconds) {
  double sum = 0;
  for (const Part part : kOwnParts) sum += of(seconds, part);
  return sum;
}

/// The lower one of an even number.
template <class Value>
double median(const std::vector<PartSeconds>& ranks, Value value) {
  std::vector<double> values;
  for (const PartSeconds& seconds : ranks) values.push_back(value(seconds));
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

void RankTimes::add(const std::vector<PartSeconds>& seconds) {
  sums_.resize(seconds.size());
  for (std::size_t rank = 0; rank < seconds.size(); ++rank) {
    for (std::size_t part = 0; part < kParts; ++part) sums_[rank][part] += seconds[rank][part];
  }
  ++steps_;
}

std::vector<PartSeconds> RankTimes::means() const {
  std::vector<PartSeconds> means = sums_;
  for (PartSeconds& seconds : means) {
    for (double& value : seconds) value /= static_cast<double>(steps_);
  }
  return means;
}

std::optional<RankTimes::Straggler> RankTimes::straggler() const {
  if (sums_.size() < 2 || steps_ < kLeastSteps) return std::nullopt;
  const auto slowest = std::ranges::max_element(sums_, {}, own_seconds);
  const double usual = median(sums_, own_seconds);
  Straggler straggler{static_cast<int>(slowest - sums_.begin()),
                      own_seconds(*slowest) / std::max(usual, 1e-9)};
  if (straggler.ratio < kNotableRatio) return std::nullopt;
  double most = 0;
  for (const Part part : kOwnParts) {
    const double lost =
        of(*slowest, part) - median(sums_, [&](const PartSeconds& s) { return of(s, part); });
    if (lost > most) most = lost, straggler.part = part;
  }
  return straggler;
}

}  // namespace pgan::train
