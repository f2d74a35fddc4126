#pragma once
#include <cstdint>
#include <string>

#include "apps/pgan_train/config.h"
#include "checkpoint/load.h"
#include "comm/communicator.h"
#include "data/pack.h"
#include "models/recipe.h"

namespace pgan::apps {

/// Collective: uint8 [N,3,R,R], the first images of the pack at a resolution: the previews' number
/// goes by the size of the sheet they make, 1920x1080 pixels at most as the published trainer's.
torch::Tensor first_reals(const data::Pack& pack, std::int64_t resolution,
                          comm::Communicator& host);

/// Collective: the weights that --init-from names, fitted to the model. grown: at its final
/// resolution. Throws comm::AgreedError.
TensorMap first_weights(const TrainConfig& config, models::Recipe& grown, comm::Communicator& host);

/// Names a pack's contents, wherever it lies: its 4x4 level's checksums and count.
std::string data_identity(const data::Pack& pack);

/// CPU threads for a resumed run. Other counts give other bits: on a machine of as many cores and
/// with as many ranks a run keeps what it was begun with, unless told otherwise. asked: --threads;
/// here: what this machine would take.
std::int64_t threads_to_keep(const checkpoint::Found& found, std::int64_t asked, std::int64_t here,
                             comm::Communicator& host);

}  // namespace pgan::apps
