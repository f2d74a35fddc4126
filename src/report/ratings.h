#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "report/run_folder.h"

namespace pgan::report {

/// How good a run's checkpoints are by a metric that the run has measured, e.g. "fid" or
/// "ms_ssim:max".
class Ratings {
 public:
  /// metric: a field of metrics.jsonl or, if it is not there, of stats.jsonl; the smallest value is
  /// the best, or the largest with ":max" behind it. Throws ConfigError for an empty name.
  Ratings(RunFolder folder, const std::string& metric);

  /// The value of the last line up to these images, negated where small is good; nullopt when there
  /// is none. Reads the files: they grow. No errors: a file that cannot be read rates nothing.
  std::optional<double> at(std::int64_t images) const;

 private:
  RunFolder folder_;
  std::string field_;
  double sign_ = -1;
};

}  // namespace pgan::report
