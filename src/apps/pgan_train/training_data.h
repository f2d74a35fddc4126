#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apps/packs.h"
#include "apps/pgan_train/config.h"
#include "checkpoint/load.h"
#include "comm/communicator.h"
#include "data/alternating_loader.h"
#include "data/held_out.h"
#include "train/schedule.h"

namespace pgan::apps {

/// Pictures and their labels that a run's sheets are made beside or from.
struct PreviewReals {
  torch::Tensor images;  ///< uint8 [N,3,R,R]
  torch::Tensor labels;  ///< float32 [N,C]
};

/// Collective: held-out pictures spread over a pack at a resolution, or the first of all where
/// none are held out. Their number goes by the size of the sheet they make, 1920x1080 pixels at
/// most as the published trainer's.
PreviewReals preview_reals(const data::Pack& pack, std::int64_t resolution,
                           comm::Communicator& host);

/// Collective: this rank's held-out pictures of each pack, for measurements; none with
/// --metrics-kimg 0. A pack without any is named in a warning.
std::vector<data::HeldOut> held_out_of(const Packs& packs, const TrainConfig& config,
                                       std::int64_t resolution, comm::Communicator& host);

/// The resolution to train at when none is asked for: the largest that all packs hold, or the
/// model's usual one where that is less.
std::int64_t resolution_for(const Packs& packs, const models::RecipeOptions& model);

/// The packs of --data. Fills in what the schedule takes from them: its resolutions. Throws
/// ConfigError, DataError.
Packs open_training_packs(TrainConfig& config);

/// Throws DataError naming a pack that lacks a resolution of the schedule.
void require_levels(const Packs& packs, const train::Schedule& schedule);

/// Throws ConfigError when the ranks cannot share out the minibatch of each resolution.
void check_rows(const train::Schedule& schedule, std::int64_t group_limit,
                const comm::Communicator& host);

/// Batches of the packs in turn, of this rank's rows. group_limit: Recipe::group_size(). pinned:
/// for a GPU. All references must outlive it.
std::unique_ptr<data::AlternatingLoader> make_loader(const Packs& packs, const TrainConfig& config,
                                                     const train::Schedule& schedule,
                                                     std::int64_t group_limit,
                                                     const comm::Communicator& host, bool pinned);

/// Names the packs' contents, wherever they lie: checksums of a level and counts.
std::string data_identity(const Packs& packs);

/// Throws ConfigError when a run was trained on other images than these.
void check_data(const checkpoint::Found& found, const Packs& packs);

}  // namespace pgan::apps
