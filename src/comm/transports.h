#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "comm/communicator.h"
#include "core/options.h"

namespace pgan::comm {

struct CommOptions {
  double timeout_seconds = kDefaultTimeoutSeconds;
  void visit(OptionVisitor& visitor);
  void validate() const;
};

/// One row of the table in transports.cpp.
struct Transport {
  std::string_view name;
  std::unique_ptr<Communicator> (*maker)(torch::Device device, Communicator* host,
                                         double timeout_seconds);

  /// host: the transport over host memory between the same ranks, which "nccl" starts from and
  /// keeps a reference to; null for one that is itself of the host. Throws CommError or ConfigError
  /// when the transport cannot start.
  std::unique_ptr<Communicator> make(torch::Device device, Communicator* host = nullptr,
                                     double timeout_seconds = kDefaultTimeoutSeconds) const {
    return maker(device, host, timeout_seconds);
  }
};
/// "self" (one rank, any device), "mpi" (CPU tensors) and "nccl" (CUDA tensors).
std::span<const Transport> transports();

/// The communicator over host memory: "mpi" under a launcher (mpirun, srun), else "self".
///
/// Throws ConfigError when the launcher promises more ranks than MPI sees (SLURM_NTASKS or
/// OMPI_COMM_WORLD_SIZE): every process would otherwise train alone, in the same folder.
///
/// ending: true once the launcher wants this process to end. A rank that does not answer for some
/// seconds is given up then, not only after the timeout: behind a cut link the launcher's daemon
/// waits for its processes. Called from another thread, a few times a second.
std::unique_ptr<Communicator> open_host(std::function<bool()> ending = {});

/// Collective: the communicator for tensors on device, between the ranks of host: "nccl" for a GPU
/// (one rank without any NCCL: "self"), null for the CPU, where host itself serves.
///
/// Makes device the calling thread's current one. Keeps a reference to host. Throws AgreedError
/// when two ranks would share a GPU or NCCL's version does not fit, CommError when a rank does not
/// come.
std::unique_ptr<Communicator> open_device(torch::Device device, Communicator& host,
                                          double timeout_seconds);

/// Of the MPI library loaded, e.g. "Open MPI v4.1.4".
std::string mpi_version();

/// Ends MPI in good order if it was started; collective over the host's ranks. After it no
/// communicator of the process may be used. Ends the process with `code` if another rank hangs.
void finalize(ExitCode code);

}  // namespace pgan::comm
