#pragma once
#include <memory>
#include <string>
#include <vector>

#include "report/event_file.h"
#include "report/progress_line.h"
#include "report/run_folder.h"
#include "report/stats_file.h"
#include "report/write_queue.h"
#include "train/trainer.h"

namespace pgan::apps {

/// Rank 0's observer: progress line, stats.jsonl, TensorBoard, sheets, status.json. What happens
/// during training is written by the queue's thread.
class Reporter : public train::Observer {
 public:
  /// resumed: progress of the checkpoint the run goes on from, {0,0} for a fresh one.
  /// hosts: by rank, for messages. Opens the files at once. Throws as report/files.h says.
  Reporter(report::RunFolder folder, std::shared_ptr<report::WriteQueue> writes,
           report::ProgressMode mode, bool fresh, const Progress& resumed,
           std::vector<std::string> hosts);
  ~Reporter() override;
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  void on_step(const train::TickInfo& so_far) override;
  void on_tick(const train::TickInfo& tick) override;
  std::int64_t last_tick_step() const override { return last_tick_step_; }
  void on_growth(const Progress& progress, const Growth& growth) override;
  void on_sample(const Progress& progress, const Growth& growth, const torch::Tensor& images,
                 const models::SampleLayout& layout, bool averaged) override;
  void on_trace(std::int64_t first_step, std::int64_t last_step, const std::string& json) override;

  /// Fixed real images, once a run: samples/reals.png. images as on_sample's. At once; may throw.
  void write_reals(const torch::Tensor& images);
  void write_config(const std::string& ini);
  /// After all that was posted before.
  void write_status(const report::RunStatus& status);
  void end_line();

 private:
  void name_straggler(const train::TickInfo& tick);

  report::RunFolder folder_;
  std::vector<std::string> hosts_;
  int named_straggler_ = -1;
  report::ProgressLine line_;
  struct Files {
    report::StatsFile stats;
    report::EventFile events;
  };
  bool fresh_;
  std::shared_ptr<report::WriteQueue> writes_;
  std::shared_ptr<Files> files_;
  std::int64_t last_tick_step_;
};

}  // namespace pgan::apps
