#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apps/pgan_train/config.h"
#include "checkpoint/load.h"
#include "checkpoint/store.h"
#include "comm/communicator.h"
#include "data/held_out.h"
#include "data/pack.h"
#include "models/recipe.h"
#include "report/run_folder.h"
#include "train/initial_weights.h"
#include "train/schedule.h"

namespace pgan::apps {

using Packs = std::vector<std::shared_ptr<const data::Pack>>;

/// Pictures and their labels that a run's sheets are made beside or from.
struct PreviewReals {
  torch::Tensor images;  ///< uint8 [N,3,R,R]
  torch::Tensor labels;  ///< float32 [N,C]
};

/// Collective: the first held-out pictures of a pack at a resolution, or the first of all where
/// none are held out. Their number goes by the size of the sheet they make, 1920x1080 pixels at
/// most as the published trainer's.
PreviewReals preview_reals(const data::Pack& pack, std::int64_t resolution,
                           comm::Communicator& host);

/// What models are told of the data they will see. all_splits: as --split says.
std::vector<models::DataFacts> facts_of(const Packs& packs, bool all_splits);

/// Collective: this rank's held-out pictures of each pack, for measurements.
std::vector<data::HeldOut> held_out_of(const Packs& packs, std::int64_t resolution,
                                       std::int64_t most, comm::Communicator& host);

/// Throws ConfigError when the model takes fewer data sets, and what Pack::open() throws.
Packs open_packs(const std::vector<std::string>& folders, const models::RecipeOptions& model);

/// The resolution to train at when none is asked for: the largest that all packs hold, or the
/// model's usual one where that is less.
std::int64_t resolution_for(const Packs& packs, const models::RecipeOptions& model);

/// Collective: the weights that --init-from names, fitted to the model. grown: at its final
/// resolution. Throws comm::AgreedError.
train::InitialWeights first_weights(const TrainConfig& config, models::Recipe& grown,
                                    comm::Communicator& host);

/// Collective: resume_point(), as rank 0 sees it: other hosts may see an older state of a shared
/// file system. Throws comm::AgreedError.
ResumePoint agreed_resume_point(const TrainConfig& config, comm::Communicator& host);

/// Names the packs' contents, wherever they lie: checksums of a level and counts.
std::string data_identity(const Packs& packs);

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

/// Throws ConfigError when a run was trained on other images than these.
void check_data(const checkpoint::Found& found, const Packs& packs);

/// Networks do not shrink, not even with --override: what was saved then would fit neither
/// schedule. Throws ConfigError.
void check_growth(const checkpoint::Found& found, const train::Schedule& schedule);

/// CPU threads for a resumed run. Other counts give other bits: on a machine of as many cores and
/// with as many ranks a run keeps what it was begun with, unless told otherwise. asked: --threads;
/// here: what this machine would take.
std::int64_t threads_to_keep(const checkpoint::Found& found, std::int64_t asked, std::int64_t here,
                             comm::Communicator& host);

}  // namespace pgan::apps
