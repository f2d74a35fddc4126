#pragma once
#include <memory>

#include "comm/communicator.h"
#include "comm/device_queue.h"
#include "comm/nccl_api.h"

namespace pgan::comm {

/// What the transport is made of; tests put in a stand-in library and a queue of host memory.
struct NcclParts {
  NcclApi api;
  std::shared_ptr<DeviceQueue> queue;
  double timeout_seconds = kDefaultTimeoutSeconds;  ///< until set_timeout()
  double grace_seconds = 5;  ///< for NCCL's abort, and for the caller to take notice of an error
};

/// Collective: a communicator over host's ranks for tensors on queue's device. Throws AgreedError
/// for what cannot work (NCCL's version, two ranks on one GPU), CommError when a rank does not come
/// within the timeout. Keeps a reference to host. bfloat16 is summed by NCCL, which rounds each
/// partial sum.
std::unique_ptr<Communicator> make_nccl(const NcclParts& parts, Communicator& host);

}  // namespace pgan::comm
