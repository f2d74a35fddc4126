#pragma once
#include <memory>
#include <string>
#include <vector>

#include "apps/cli.h"
#include "checkpoint/store.h"
#include "comm/communicator.h"
#include "comm/gradient_reducer.h"
#include "comm/transports.h"
#include "core/option_set.h"
#include "data/loader.h"
#include "models/recipe.h"
#include "train/schedule.h"
#include "train/trainer.h"

namespace pgan::apps {

/// Every option of pgan-train. Precedence: command line > --config > --preset > what the run was
/// begun with (on resume) > the default preset > defaults.
struct TrainConfig {
  std::string model = "progressive";
  std::vector<std::string> data;  ///< packs
  std::string run, resume = "auto", init_from, preset, config, stop_after;
  std::string device = "auto", precision = "fp32", progress = "auto", split = "train";
  std::int64_t threads = 0;
  bool dry_run = false, override_run = false;

  std::unique_ptr<models::RecipeOptions> recipe;
  train::ScheduleOptions schedule;
  train::TrainOptions training;
  data::LoaderOptions loader;
  comm::ReducerOptions reducer;
  comm::CommOptions comm;
  checkpoint::StoreOptions store;

  void visit(OptionVisitor& visitor);
  /// Throws ConfigError; schedule.resolution must have been filled in.
  void validate() const;
  /// All values but those of one start of the program (run, resume, config, dry-run, override,
  /// stop-after, trace).
  OptionValues lasting_values();
};

/// Where resuming looks: a run's folder, a checkpoint's, or nothing.
struct ResumePoint {
  std::string folder;  ///< empty: a fresh run
  bool same_run = false;
};

/// Rank 0's part of resolving: reads the command line, the files it names and the run to resume, if
/// any, and returns the merged values with paths made absolute. ranks: for the default preset.
/// Throws ConfigError, CheckpointError.
OptionValues resolve_values(const Arguments& arguments, int ranks);

/// From merged values, on every rank.
TrainConfig make_config(const OptionValues& values);

/// Where a run with these options would resume. Reads the file system.
ResumePoint resume_point(const TrainConfig& config);

/// `--help` with the defaults of a model.
std::string train_help(const Arguments& arguments);

}  // namespace pgan::apps
