#pragma once
#include <cstdint>
#include <string>

#include "core/options.h"
#include "core/types.h"
#include "train/resolution_table.h"

namespace pgan::train {

struct ScheduleOptions {
  std::int64_t resolution = 0;  ///< final; 0 = the pack's largest level
  std::int64_t start_resolution = 4;
  double stable_kimg = 600, fade_kimg = 600;
  double total_kimg = 0;         ///< 0 = two phases after the last resolution is fully in
  std::string minibatch = "16";  ///< global, over all ranks
  std::string learning_rate = "0.001";
  double rate_decay = 0;  ///< share of the run, at its end, in which the rate falls to zero
  bool grows = true;      ///< the model does; else start_resolution is resolution

  void visit(OptionVisitor& visitor);
  void validate() const;  ///< throws ConfigError; resolution must have been filled in
};

/// Growth, minibatch and learning rate as pure functions of images shown.
///
/// The rate falls linearly to zero over the last rate_decay of the run (Choi et al. 2018, section
/// 4.3: over the last half).
/// A phase is stable first, then fades into the next resolution (Karras et al. 2018, published
/// code: lod = log2(final) − 2 − phase − max(phase images − stable, 0) / fade).
class Schedule {
 public:
  explicit Schedule(const ScheduleOptions& options);  ///< throws ConfigError
  Growth growth_at(std::int64_t images) const;
  std::int64_t minibatch_at(const Growth& growth) const;
  /// Of the step that begins at so many images.
  double learning_rate_at(std::int64_t images) const;
  /// Training ends at the first step that reaches this many.
  std::int64_t total_images() const { return total_; }
  std::int64_t start_resolution() const { return start_; }
  std::int64_t final_resolution() const { return final_; }

 private:
  std::int64_t start_, final_, stable_, fade_, total_;
  double rate_decay_;
  ResolutionTable minibatch_, learning_rate_;
};

/// True when a multiple of `interval` lies in (before, after]; never for interval 0.
bool crosses(std::int64_t interval, std::int64_t before, std::int64_t after);

/// Images of so many thousands, rounded.
std::int64_t images_of(double kimg);

}  // namespace pgan::train
