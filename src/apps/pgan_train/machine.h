#pragma once
#include <cstdint>
#include <string>

#include <torch/types.h>

#include "comm/communicator.h"

namespace pgan::apps {

/// Collective: CPU threads of this rank: the cores it may use, shared among the ranks that may use
/// the same ones (bound ranks have cores of their own).
std::int64_t default_threads(comm::Communicator& host);

/// Processors of this host, whoever may use them.
std::int64_t cores();

/// What a run ran on, as JSON: versions, host, ranks, device, threads. For env.json.
std::string environment_json(const comm::Communicator& host, torch::Device device,
                             std::int64_t threads);

}  // namespace pgan::apps
