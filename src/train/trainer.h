#pragma once
#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/load.h"
#include "checkpoint/store.h"
#include "comm/communicator.h"
#include "comm/gradient_reducer.h"
#include "core/types.h"
#include "data/batch_source.h"
#include "data/held_out.h"
#include "models/recipe.h"
#include "train/coordinator.h"
#include "train/counters.h"
#include "train/device_feed.h"
#include "train/eta.h"
#include "train/rank_times.h"
#include "train/saver.h"
#include "train/schedule.h"
#include "train/timeline.h"
#include "train/train_options.h"
#include "train/updates.h"

namespace pgan::train {

/// What happened since the last report; losses are means over updates and ranks.
struct TickInfo {
  Progress progress;
  Growth growth;
  std::int64_t total_images = 0, minibatch = 0;
  double learning_rate = 0;
  std::map<std::string, double> losses;
  double images_per_second = 0;
  double elapsed_seconds = 0;  ///< of training, over all sessions
  double eta_seconds = 0;
  double data_wait_share = 0, rank_wait_share = 0;  ///< of the time, on the rank that waited most
  std::vector<PartSeconds> rank_seconds;            ///< mean of a step, by rank
  std::optional<RankTimes::Straggler> straggler;
  std::int64_t resident_bytes = 0;  ///< largest over ranks
  std::int64_t skipped_steps = 0;   ///< updates skipped since the run's beginning
  std::int64_t rollbacks = 0;       ///< to an earlier checkpoint, since the run's beginning
};

/// Hears what the trainer does; its thread is the trainer's. The app keeps one on rank 0 only.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_step(const TickInfo& /*so_far*/) {
  }  ///< since the last tick; at most twice a second
  virtual void on_tick(const TickInfo&) {}
  /// Step of the last tick it has, of this session or an earlier one that this one goes on with;
  /// -1: none.
  virtual std::int64_t last_tick_step() const { return -1; }
  virtual void on_growth(const Progress&, const Growth&) {}
  /// images: float32 [N,3,R,R] on the CPU, made from the run's fixed inputs by the averaged weights
  /// where averages are kept. Not called for models that make no pictures.
  virtual void on_sample(const Progress&, const Growth&, const torch::Tensor& /*images*/,
                         const models::SampleLayout&, bool /*averaged*/) {}
  /// json: a whole file of Chrome's trace format, all ranks.
  virtual void on_trace(std::int64_t /*first_step*/, std::int64_t /*last_step*/,
                        const std::string& /*json*/) {}
};

/// Thrown on every rank alike by Trainer::run() with --on-nonfinite rollback: make a new trainer of
/// the newest checkpoint, with one rollback more.
class RollBack : public std::exception {
 public:
  RollBack(std::int64_t at_step, std::int64_t count) : step(at_step), rollbacks(count) {}
  const char* what() const noexcept override { return "a gradient was not finite"; }
  const std::int64_t step;
  const std::int64_t rollbacks;  ///< of the run, with this one
};

/// Everything a trainer works with. All references must outlive it.
struct TrainerParts {
  comm::Communicator& host;    ///< status and checkpoints
  comm::Communicator& device;  ///< gradients; may be host
  models::Recipe& recipe;
  const Schedule& schedule;
  data::BatchSource& loader;
  checkpoint::Store& store;
  Observer* observer = nullptr;          ///< null on ranks that report nothing
  std::function<bool()> stop_requested;  ///< polled once a step
  checkpoint::Manifest manifest;         ///< what the app wants in each checkpoint
  torch::Dtype dtype = torch::kFloat32;
  torch::Device model_device = torch::kCPU;
  /// uint8 [N,3,R,R]: real images kept in checkpoints; N previews are drawn beside them.
  torch::Tensor preview_reals = torch::zeros({24, 3, 1, 1}, torch::kUInt8);
  torch::Tensor preview_labels = torch::zeros({24, 0});  ///< float32 [N,C]: of these
  std::int64_t data_sets = 1;                            ///< that batches come from in turn
  /// By data set: what this rank measures on; all ranks' together are what is measured on.
  std::vector<data::HeldOut> held_out = {};
  comm::ReducerOptions reducer;
  std::int64_t rollbacks = 0;  ///< the least that a checkpoint's counter is raised to
};

/// The loop: draws batches, runs the recipe's phases, averages gradients, updates, grows, reports,
/// saves. Members that change something are collective.
class Trainer {
 public:
  Trainer(TrainOptions options, TrainerParts parts);

  /// Takes up a checkpoint's state. same_run: it lies in this run's folder, and need not be saved
  /// again. Throws comm::AgreedError (exit 4) when it does not fit.
  void resume(const checkpoint::Found& found, bool same_run);

  /// Starts from weights by checkpoint name ("G/4.conv.weight", "G_ema/..."), of the shapes the
  /// networks have or will have; those of layers yet to grow wait for them, also in checkpoints.
  /// The same on every rank. Throws CheckpointError for a shape that does not fit.
  void start_from(TensorMap weights);

  enum class End { done, stopped };  ///< all images shown or max_steps reached; asked to stop
  /// Steps until the end and leaves a checkpoint of the last step. Throws comm::AgreedError with
  /// exit 6 after 20 skipped updates of a phase in a row, exit 4 when the last checkpoint, or three
  /// in a row, could not be written, exit 5 when the ranks' weights differ; and RollBack.
  End run();

  const Progress& progress() const { return progress_; }
  /// The lowest rank that was asked to stop; -1: none.
  int stop_rank() const { return stop_rank_; }
  /// All state by checkpoint name: the tensors themselves.
  TensorMap state() const;
  /// uint8 [N,3,R,R]: as in the parts, or as in the checkpoint resumed from.
  const torch::Tensor& preview_reals() const { return preview_.at("reals"); }

 private:
  using Clock = std::chrono::steady_clock;

  void rebuild_updates();
  void take_waiting_weights();
  void enter(const Growth& growth);
  void step();
  void run_phase(const models::Phase& phase, const Batch& batch);
  void settled(const Updates::Settled& update);
  void count_skip(const Updates::Settled& update);
  void act_on_verdict() const;
  void account(const Growth& growth, double seconds, const Directive& directive);
  void begin_trace();
  void end_trace();
  void compare_replicas();
  void report(bool first_step, const Growth& growth);
  void measure();
  std::vector<std::unique_ptr<AveragedWeights>> averaged_weights();
  Batch held_out_batch(std::size_t set, std::int64_t begin, std::int64_t end) const;
  void begin_save();
  void sample_previews();
  void draw_preview_inputs();
  torch::Tensor to_model(const torch::Tensor& bytes) const;
  Counters counters_now() const;
  void start_window();
  bool passed(double kimg) const;
  bool finished() const;

  TrainOptions options_;
  TrainOptions::Range traced_;
  TrainerParts parts_;
  DeviceFeed feed_;
  Coordinator coordinator_;
  Saver saver_;
  Eta eta_;
  Timeline timeline_;
  Updates updates_;
  RankTimes rank_times_;
  Progress progress_;
  Growth growth_;  // of the last step
  std::int64_t step_images_ = 0;
  TensorMap preview_;  // "reals" and what the previews are made from
  TensorMap waiting_;  // weights to start from, of layers yet to grow
  Counters counters_;  // up to this session's start, or its window's
  double window_resident_ = 0;
  Clock::time_point start_ = Clock::now(), window_start_ = start_;
  Clock::time_point last_on_step_ = {};
  PartSeconds step_seconds_{};  // of the last step
  std::int64_t trace_start_step_ = 0;
  int stop_rank_ = -1;
  std::exception_ptr verdict_;  // ends the run: what a non-finite gradient led to
};

}  // namespace pgan::train
