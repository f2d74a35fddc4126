#pragma once
#include <string>

#include "comm/communicator.h"
#include "core/types.h"

namespace pgan::train {

/// Collective: checks that all ranks hold the same tensors, bit for bit: names, dtypes, shapes,
/// values. One small all-gather while they do; each rank reads its tensors once.
///
/// Throws comm::AgreedError (exit 5) naming a rank that differs from most, its host and the first
/// tensor that does. when: "at step 1000", for the message.
void check_replicas(comm::Communicator& host, const TensorMap& state, const std::string& when);

}  // namespace pgan::train
