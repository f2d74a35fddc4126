#pragma once
#include <functional>

#include "comm/communicator.h"

namespace pgan::comm {

/// Collective: runs work() on a thread of every rank while the ranks ask each other who is still
/// busy, so that no collective waits on one rank's file system. Returns when all are done; throws
/// AgreedError on every rank if it threw on any, or when
/// it takes longer than the host's timeout. work() must not be collective.
void together(Communicator& host, const std::function<void()>& work);

/// The same for work that rank 0 alone does.
void on_rank_0(Communicator& host, const std::function<void()>& work);

}  // namespace pgan::comm
