#pragma once
#include <functional>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "core/error.h"

namespace pgan::apps {

using Arguments = std::vector<std::string>;

/// Runs a program of one process: `--version` prints and ends; an exception becomes one line on
/// stderr ("pgan-data: error: …") and its exit code. Returns the process's exit status.
int run_serial(const char* program, int argc, char** argv,
               const std::function<ExitCode(const Arguments&)>& body);

/// Runs a program of one process or many, under mpirun, srun or alone, and never returns.
///
/// An AgreedError is printed by rank 0 and all ranks leave in order; any other exception is
/// printed by its rank, with rank and host, and ends the whole job with its exit code.
/// ending: as comm::open_host() has it.
[[noreturn]] void run_parallel(
    const char* program, int argc, char** argv,
    const std::function<ExitCode(const Arguments&, comm::Communicator&)>& body,
    std::function<bool()> ending = {});

/// Throws, before any work is done for it, where no file of this name can be written: ConfigError,
/// or as throw_file_error() does. option: "--out", for messages.
void require_place(const std::string& option, const std::string& file);

/// Versions of the program and of what it runs on, a line each.
std::string version_text(const char* program);

/// True when the arguments ask for help ("--help" or "-h").
bool wants_help(const Arguments& arguments);

}  // namespace pgan::apps
