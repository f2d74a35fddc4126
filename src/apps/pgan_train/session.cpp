#include "apps/pgan_train/session.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include "apps/pgan_train/machine.h"
#include "apps/pgan_train/plan.h"
#include "apps/pgan_train/reporter.h"
#include "apps/pgan_train/start.h"
#include "apps/pgan_train/stop_requests.h"
#include "apps/pgan_train/training_data.h"
#include "checkpoint/load.h"
#include "comm/agree.h"
#include "comm/together.h"
#include "comm/transports.h"
#include "core/device.h"
#include "core/duration.h"
#include "core/launcher.h"
#include "core/log.h"
#include "core/version.h"
#include "data/pack.h"
#include "report/format.h"
#include "report/ratings.h"

namespace pgan::apps {
namespace fs = std::filesystem;
namespace {

constexpr auto kLongestFlush = std::chrono::seconds(5);
constexpr double kDeviceGraceSeconds = 10;
constexpr int kMostRollbacks = 3;  // that do not get past the same step

/// Everything of a run that is alive while it trains. Members in order of construction.
class Session {
 public:
  Session(TrainConfig config, comm::Communicator& host) : config_(std::move(config)), host_(host) {}
  ExitCode run();

 private:
  void open_data();
  void choose_machine();
  std::unique_ptr<models::Recipe> make_recipe() const;
  void open_run();
  void start_reports(const std::optional<checkpoint::Found>& found, bool same_run);
  void fill(train::Trainer& trainer, const std::optional<checkpoint::Found>& found, bool same_run);
  ExitCode train();
  ExitCode train_once();
  void go_back(const train::RollBack& back);
  ExitCode finish(train::Trainer::End end, const train::Trainer& trainer);
  void write_status(const report::RunStatus& status) const;
  report::RunStatus status_at(const Progress& progress, const char* state, ExitCode code,
                              const std::string& message) const;
  void report_failure() const;
  bool leads() const { return host_.rank() == 0; }

  TrainConfig config_;
  OptionValues lasting_;  // config_'s, resolved
  comm::Communicator& host_;
  Packs packs_;
  std::vector<models::DataFacts> facts_;  // of these
  std::optional<train::Schedule> schedule_;
  torch::Device device_ = torch::kCPU;
  torch::Dtype dtype_ = torch::kFloat32;
  std::optional<torch::Dtype> compute_;
  std::vector<std::string> notes_;  // the recipe's
  std::int64_t threads_ = 1, group_limit_ = 1;
  report::RunFolder folder_{fs::path()};
  /// Never let go but by the end of the process: a save's thread may still be at work in the
  /// folder.
  report::RunLock* lock_ = nullptr;
  std::shared_ptr<report::WriteQueue> writes_ = std::make_shared<report::WriteQueue>();
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::unique_ptr<comm::Communicator> gpus_;  // null on CPUs, where host_ does all
  std::vector<std::string> hosts_;            // by rank
  std::unique_ptr<StopRequests> stop_;
  std::int64_t rollbacks_ = 0, failed_step_ = -1;
  int attempts_ = 0;         // to get past the failed step
  TensorMap first_weights_;  // of --init-from, until they are taken
  std::string initial_summary_;
  Progress progress_;  // for status.json when the run fails
  std::unique_ptr<Reporter> reporter_;
};

void Session::open_data() {
  comm::together(host_, [this] {
    packs_ = open_training_packs(config_);
    config_.validate();
    schedule_.emplace(config_.schedule);
    require_levels(packs_, *schedule_);
    facts_ = facts_of(packs_, config_.split == "all");
  });
  for (const auto& pack : packs_) {
    if (!leads() || pack->info().domains.empty()) continue;
    log_warning("the pack " + pack->folder().string() +
                " has several domains; this model takes them as one");
  }
  lasting_ = config_.lasting_values();
}

std::unique_ptr<models::Recipe> Session::make_recipe() const {
  return config_.recipe->make({static_cast<std::uint64_t>(config_.training.seed),
                               schedule_->final_resolution(), dtype_, device_, compute_, facts_});
}

void Session::choose_machine() {
  threads_ = config_.threads > 0 ? config_.threads : default_threads(host_);
  comm::agree(host_, [this] {
    device_ = resolve_device(config_.device, host_.local_rank());
    const Precision precision = resolve_precision(config_.precision, device_);
    dtype_ = precision.parameters;
    compute_ = precision.compute;
    if (compute_ && !config_.recipe->computes_bf16()) {
      throw ConfigError("--precision " + config_.precision + ": --model " + config_.model +
                        " does not compute in it; give fp32");
    }
    at::set_num_threads(static_cast<int>(threads_));
    const auto recipe = make_recipe();
    group_limit_ = recipe->group_size();
    notes_ = recipe->notes();
    check_rows(*schedule_, group_limit_, host_);
  });
  const std::vector<std::string> kinds =
      comm::gather_text(host_, device_.is_cuda() ? "cuda" : "cpu");
  for (std::size_t rank = 1; rank < kinds.size(); ++rank) {
    if (kinds[rank] == kinds[0]) continue;
    throw comm::AgreedError(ExitCode::usage, "rank 0 would train on " + kinds[0] + ", rank " +
                                                 std::to_string(rank) + " on " + kinds[rank] +
                                                 ": give --device cpu, or GPUs to every host");
  }
  // Longer, so that the host's watchdog, which can tell who is missing, speaks first.
  gpus_ = comm::open_device(device_, host_, config_.comm.timeout_seconds + kDeviceGraceSeconds);
  hosts_ = comm::gather_text(host_, host_name());
}

void Session::open_run() {
  comm::on_rank_0(host_, [this] {
    const std::string description = config_.model + "-" +
                                    fs::path(config_.data.at(0)).filename().string() + "-" +
                                    std::to_string(schedule_->final_resolution());
    if (config_.run.empty()) {
      folder_ = report::RunFolder::create_next(fs::absolute("checkpoints"), description);
    } else {
      folder_ = report::RunFolder(config_.run);
      refuse_foreign_folder(folder_);
      folder_.create();
    }
    lock_ = new report::RunLock(folder_);
    folder_.clear_temporaries();
    log_to_file(folder_.log());
    const double longest =
        config_.stop_after.empty() ? 0 : parse_duration("stop-after", config_.stop_after);
    stop_ = std::make_unique<StopRequests>(start_, longest, folder_.stop());
  });
  if (stop_ == nullptr) stop_ = std::make_unique<StopRequests>(start_, 0, fs::path());
  folder_ = report::RunFolder(comm::broadcast_text(host_, folder_.root().string()));
  require_shared(folder_, host_);
}

void Session::start_reports(const std::optional<checkpoint::Found>& found, bool same_run) {
  comm::on_rank_0(host_, [&] {
    const Progress progress = found ? found->manifest.progress : Progress{};
    reporter_ = std::make_unique<Reporter>(folder_, writes_,
                                           report::resolve_progress(config_.progress, stderr),
                                           !same_run, progress, hosts_);
    reporter_->write_config(ini_text(lasting_));
    report::write_text(folder_.env(), environment_json(host_, device_, threads_) + "\n");
    report::RunStatus status;
    status.progress = progress;
    status.growth = found ? found->manifest.growth : schedule_->growth_at(0);
    folder_.write_status(status);
    log_info("run " + folder_.root().string() + ": " + std::to_string(host_.size()) + " rank(s), " +
             std::to_string(threads_) + " thread(s) each, device " + device_.str() +
             ", transport " + std::string(gpus_ != nullptr ? gpus_->name() : host_.name()));
    for (const std::string& note : notes_) log_info(note);
    if (!initial_summary_.empty()) log_info("starting from " + initial_summary_);
    if (found && same_run && config_.resume != "auto" &&
        fs::weakly_canonical(config_.resume).string().find(folder_.root().string()) != 0) {
      log_info("the run has checkpoints of its own: --resume " + config_.resume +
               " was for its beginning");
    }
    if (found) {
      log_info("resuming from " + found->folder.string() +
               report::text_of(" at kimg %.3f, step %lld",
                               static_cast<double>(progress.images) / 1000,
                               static_cast<long long>(progress.step)));
    }
  });
}

/// Takes up the checkpoint, the weights to start from, or nothing.
void Session::fill(train::Trainer& trainer, const std::optional<checkpoint::Found>& found,
                   bool same_run) {
  if (found) {
    trainer.resume(*found, same_run);
  } else if (!config_.init_from.empty()) {
    trainer.start_from(std::move(first_weights_));
  }
  comm::on_rank_0(host_, [&] {
    reporter_->write_reals(trainer.preview_reals().to(torch::kFloat32) / 127.5 - 1);
  });
}

ExitCode Session::train() {
  for (;;) {
    try {
      return train_once();
    } catch (const train::RollBack& back) {
      go_back(back);
    }
  }
}

/// Collective: prepares for another attempt from the run's newest checkpoint.
void Session::go_back(const train::RollBack& back) {
  attempts_ = back.step > failed_step_ ? 1 : attempts_ + 1;
  failed_step_ = std::max(failed_step_, back.step);
  rollbacks_ = back.rollbacks;
  config_.run = folder_.root().string();
  config_.resume = "auto";
  if (attempts_ > kMostRollbacks) {
    throw comm::AgreedError(ExitCode::diverged,
                            "diverged: after " + std::to_string(kMostRollbacks) +
                                " rollbacks the run does not get past step " +
                                std::to_string(failed_step_) +
                                "; go on with a lower rate: --learning-rate X --override");
  }
  if (agreed_resume_point(config_, host_).folder.empty()) {
    throw comm::AgreedError(ExitCode::diverged,
                            "diverged at step " + std::to_string(back.step) +
                                ", and there is no checkpoint yet to go back to: save earlier "
                                "(--checkpoint-kimg), or lower --learning-rate");
  }
  if (reporter_ != nullptr) reporter_->end_line();
  reporter_.reset();
  if (leads()) writes_->flush(kLongestFlush);  // the next reporter cuts the files back
}

ExitCode Session::train_once() {
  const auto recipe = make_recipe();
  checkpoint::Store store(folder_.root(), host_, config_.store,
                          {.rating = rating_of(folder_, config_.store.keep_best),
                           .before_commit = [folder = folder_, writes = writes_] {
                             writes->flush(kLongestFlush);
                             folder.sync();
                           }});
  std::optional<checkpoint::Found> found;
  const ResumePoint point = agreed_resume_point(config_, host_);
  if (!point.folder.empty()) {
    found = checkpoint::find_newest(point.folder, host_);
    if (!found) {
      throw comm::AgreedError(ExitCode::checkpoint, "the checkpoints of " + point.folder +
                                                        " were there and are gone: check the disk");
    }
  }
  if (found) {
    comm::agree(host_, [&] {
      if (!config_.override_run) check_data(*found, packs_);
      check_growth(*found, *schedule_);
    });
    if (leads()) warn_of_other_rates(*found, config_);
    threads_ = threads_to_keep(*found, config_.threads, threads_, host_);
    at::set_num_threads(static_cast<int>(threads_));
  }
  progress_ = found ? found->manifest.progress : Progress{};
  start_reports(found, point.same_run);
  const auto loader =
      make_loader(packs_, config_, *schedule_, group_limit_, host_, device_.is_cuda());
  const std::int64_t final_resolution = schedule_->final_resolution();
  PreviewReals reals = preview_reals(*packs_[0], final_resolution, host_);
  train::TrainerParts parts{.host = host_,
                            .device = gpus_ != nullptr ? *gpus_ : host_,
                            .recipe = *recipe,
                            .schedule = *schedule_,
                            .loader = *loader,
                            .store = store,
                            .observer = reporter_.get(),
                            .stop_requested = [this] { return stop_->any(); },
                            .manifest = manifest_of(config_, lasting_, packs_, threads_),
                            .dtype = dtype_,
                            .model_device = device_,
                            .preview_reals = std::move(reals.images),
                            .preview_labels = std::move(reals.labels),
                            .data_sets = std::ssize(packs_),
                            .held_out = held_out_of(packs_, config_, final_resolution, host_),
                            .reducer = config_.reducer,
                            .rollbacks = rollbacks_};
  train::Trainer trainer(config_.training, std::move(parts));
  fill(trainer, found, point.same_run);
  if (found && point.same_run) store.take_up(*found);
  try {
    const train::Trainer::End end = trainer.run();
    if (leads() && found && trainer.progress() == found->manifest.progress) {
      log_info("nothing was left to do: raise --total-kimg or --max-steps to train on");
    }
    return finish(end, trainer);
  } catch (...) {
    progress_ = trainer.progress();
    throw;
  }
}

/// The last word, after all that is still being written; bounded, since the disk may be what
/// failed.
void Session::write_status(const report::RunStatus& status) const {
  writes_->post([folder = folder_, status] { folder.write_status(status); });
  if (!writes_->flush(kLongestFlush))
    std::fputs("pgan-train: warning: the disk of the run's folder does not answer\n", stderr);
}

report::RunStatus Session::status_at(const Progress& progress, const char* state, ExitCode code,
                                     const std::string& message) const {
  report::RunStatus status;
  status.state = state;
  status.exit_code = code;
  status.message = message;
  status.progress = progress;
  status.growth = schedule_->growth_at(progress.images);
  return status;
}

void Session::report_failure() const {
  const Failure failure = current_failure();
  write_status(status_at(progress_, "failed", failure.code, failure.message));
}

ExitCode Session::finish(train::Trainer::End end, const train::Trainer& trainer) {
  const bool done = end == train::Trainer::End::done;
  const ExitCode code = done ? ExitCode::ok : ExitCode::preempted;
  if (!leads()) return code;
  reporter_->end_line();
  std::string asked = stop_->reason();
  if (const int rank = trainer.stop_rank(); asked.empty() && rank >= 0)
    asked = "a signal to rank " + std::to_string(rank) + " on " +
            hosts_[static_cast<std::size_t>(rank)];
  write_status(status_at(trainer.progress(), done ? "done" : "stopped", code,
                         done ? "" : "asked to stop by " + asked));
  log_info(report::text_of("%s at kimg %.3f, step %lld",
                           done ? "done" : ("stopped by " + asked).c_str(),
                           static_cast<double>(trainer.progress().images) / 1000,
                           static_cast<long long>(trainer.progress().step)));
  if (const fs::path sheet = folder_.fakes(trainer.progress().images); fs::exists(sheet))
    log_info("samples:    " + sheet.string());
  log_info("checkpoint: " +
           (folder_.root() / checkpoint::folder_name(trainer.progress().images)).string());
  if (!done) log_info("resume with: pgan-train --run " + folder_.root().string());
  return code;
}

ExitCode Session::run() {
  open_data();
  host_.set_timeout(config_.comm.timeout_seconds);
  host_.set_hierarchical(config_.reducer.hierarchical);
  choose_machine();
  // Before a folder is made for a run that cannot begin.
  if (!config_.init_from.empty() && agreed_resume_point(config_, host_).folder.empty()) {
    const auto grown = make_recipe();
    grown->grow({schedule_->final_resolution(), 1.0});
    train::InitialWeights initial = first_weights(config_, *grown, host_);
    first_weights_ = std::move(initial.tensors);
    initial_summary_ = config_.init_from + ": " + initial.summary;
  }
  if (config_.dry_run) {
    const auto recipe = make_recipe();
    if (leads())
      std::fputs(plan_text(packs_, *schedule_, *recipe, host_.size(), threads_, device_).c_str(),
                 stdout);
    return ExitCode::ok;
  }
  open_run();
  try {
    return train();
  } catch (const comm::AgreedError&) {
    gpus_.reset();  // everywhere now: later, one rank's end would pass for a failure on the others
    if (reporter_ != nullptr) reporter_->end_line();
    if (leads()) report_failure();
    throw;
  } catch (...) {
    if (reporter_ != nullptr) reporter_->end_line();
    report_failure();
    throw;
  }
}

}  // namespace

ExitCode run_session(TrainConfig config, comm::Communicator& host) {
  return Session(std::move(config), host).run();
}

}  // namespace pgan::apps
