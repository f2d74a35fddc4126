#pragma once
#include <cstdint>
#include <filesystem>

#include <nlohmann/json_fwd.hpp>

#include "report/files.h"

namespace pgan::report {

/// Measurements of a run over time: one JSON object a line, on disk when append() returns.
///
/// After a resume the curves have neither gaps nor doubles: opening drops what came after the
/// checkpoint. Not thread-safe.
class StatsFile {
 public:
  /// resume_step: Progress::step of the checkpoint resumed from; -1 starts afresh, dropping every
  /// line. Lines with a greater step are dropped, and those that are no JSON object with a step (a
  /// torn last line); the rest is kept byte for byte. Throws ConfigError or DataError as files.h
  /// says.
  explicit StatsFile(std::filesystem::path file, std::int64_t resume_step = -1);

  /// Step of the last line; -1 when there is none.
  std::int64_t last_step() const { return last_step_; }

  /// line: an object with at least "step" (integer), "kimg", "resolution", "alpha" (else
  /// std::invalid_argument). NaN and infinities are written as null, JSON having no word for them.
  /// Throws DataError when it cannot be written; the file then ends with the line before.
  void append(const nlohmann::ordered_json& line);

 private:
  std::int64_t last_step_ = -1;
  AppendFile file_;
};

}  // namespace pgan::report
