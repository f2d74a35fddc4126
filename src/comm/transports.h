#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "comm/communicator.h"
#include "core/options.h"

namespace pgan::comm {

/// Longest wait for another rank until Communicator::set_timeout says otherwise.
inline constexpr double kDefaultTimeoutSeconds = 600;

struct CommOptions {
  double timeout_seconds = kDefaultTimeoutSeconds;
  void visit(OptionVisitor& visitor);
  void validate() const;
};

/// One row of the table in transports.cpp.
struct Transport {
  std::string_view name;
  /// Throws CommError or ConfigError when the transport cannot start.
  std::unique_ptr<Communicator> (*make)(torch::Device device);
};
/// "self" (one rank, any device) and "mpi" (CPU tensors).
std::span<const Transport> transports();

/// The communicator over host memory: "mpi" under a launcher (mpirun, srun), else "self".
///
/// Throws ConfigError when the launcher promises more ranks than MPI sees (SLURM_NTASKS or
/// OMPI_COMM_WORLD_SIZE): every process would otherwise train alone, in the same folder.
std::unique_ptr<Communicator> open_host();

/// Of the MPI library loaded, e.g. "Open MPI v4.1.4".
std::string mpi_version();

/// Ends MPI in good order if it was started; collective over the host's ranks. After it no
/// communicator of the process may be used.
void finalize();

}  // namespace pgan::comm
