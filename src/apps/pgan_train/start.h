#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apps/packs.h"
#include "apps/pgan_train/config.h"
#include "checkpoint/load.h"
#include "checkpoint/store.h"
#include "comm/communicator.h"
#include "models/recipe.h"
#include "report/run_folder.h"
#include "train/initial_weights.h"
#include "train/schedule.h"

namespace pgan::apps {

/// Collective: the weights that --init-from names, fitted to the model. grown: at its final
/// resolution. Throws comm::AgreedError.
train::InitialWeights first_weights(const TrainConfig& config, models::Recipe& grown,
                                    comm::Communicator& host);

/// Collective: resume_point(), as rank 0 sees it: other hosts may see an older state of a shared
/// file system. Throws comm::AgreedError.
ResumePoint agreed_resume_point(const TrainConfig& config, comm::Communicator& host);

/// What every checkpoint of a run says beside the trainer's state. lasting: the options, resolved.
checkpoint::Manifest manifest_of(const TrainConfig& config, const OptionValues& lasting,
                                 const Packs& packs, std::int64_t threads);

/// What --keep-best goes by; null without a metric.
checkpoint::Rating rating_of(const report::RunFolder& folder, const std::string& metric);

/// A folder with other things in it is no place for a run. Throws ConfigError.
void refuse_foreign_folder(const report::RunFolder& folder);

/// Collective: every rank writes into a run's folder, so all must see the same one. Throws
/// comm::AgreedError (exit 2) naming a rank whose host has another folder there, or none.
void require_shared(const report::RunFolder& folder, comm::Communicator& host);

/// Text of a run's config.ini.
std::string ini_text(const OptionValues& lasting);

/// Networks do not shrink, not even with --override: what was saved then would fit neither
/// schedule. Throws ConfigError.
void check_growth(const checkpoint::Found& found, const train::Schedule& schedule);

/// A line when --total-kimg, and with it the falling rate, is not what the checkpoint was made
/// with.
void warn_of_other_rates(const checkpoint::Found& found, const TrainConfig& config);

/// CPU threads for a resumed run. Other counts give other bits: on a machine of as many cores and
/// with as many ranks a run keeps what it was begun with, unless told otherwise. asked: --threads;
/// here: what this machine would take.
std::int64_t threads_to_keep(const checkpoint::Found& found, std::int64_t asked, std::int64_t here,
                             comm::Communicator& host);

}  // namespace pgan::apps
