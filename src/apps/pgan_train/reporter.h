#pragma once
#include <memory>
#include <string>

#include "report/event_file.h"
#include "report/progress_line.h"
#include "report/run_folder.h"
#include "report/stats_file.h"
#include "train/trainer.h"

namespace pgan::apps {

/// Rank 0's observer: progress line, stats.jsonl, TensorBoard, sheets, status.json.
class Reporter : public train::Observer {
 public:
  /// resumed: progress of the checkpoint the run goes on from, {0,0} for a fresh one.
  Reporter(report::RunFolder folder, report::ProgressMode mode, bool fresh,
           const Progress& resumed);
  ~Reporter() override;
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  void on_step(const train::TickInfo& so_far) override;
  void on_tick(const train::TickInfo& tick) override;
  std::int64_t last_tick_step() const override { return stats_.last_step(); }
  void on_growth(const Progress& progress, const Growth& growth) override;
  void on_sample(const Progress& progress, const Growth& growth,
                 const torch::Tensor& images) override;

  /// Fixed real images, once a run: samples/reals.png. images as on_sample's.
  void write_reals(const torch::Tensor& images);
  void write_config(const std::string& ini);
  void end_line();

 private:
  report::RunFolder folder_;
  report::ProgressLine line_;
  report::StatsFile stats_;
  report::EventFile events_;
};

}  // namespace pgan::apps
