#pragma once
#include "apps/pgan_train/config.h"
#include "comm/communicator.h"
#include "core/error.h"

namespace pgan::apps {

/// Collective: one run from its resolved options: opens the pack, sets up ranks, device and the
/// run's folder, resumes, trains, and says where everything is. Returns ExitCode::ok, or preempted
/// when it was asked to stop. config: the same on every rank.
ExitCode run_session(TrainConfig config, comm::Communicator& host);

}  // namespace pgan::apps
