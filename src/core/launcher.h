#pragma once
#include <string>

namespace pgan {

/// This host's name, "unknown" if the system does not tell.
std::string host_name();

/// True when an MPI launcher's or srun's environment is around this process. There isatty lies:
/// Open MPI gives ranks a terminal as stdout even when mpirun's own goes to a file.
bool under_launcher();

/// True for the process that the launcher numbers 0, or without a launcher: for messages before MPI
/// is up, to be printed once a job.
bool first_of_the_job();

}  // namespace pgan
