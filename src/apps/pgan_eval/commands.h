#pragma once
#include "apps/cli.h"
#include "comm/communicator.h"

namespace pgan::apps {

/// The commands of pgan-eval: arguments after the command's name -> exit code. Collective; rank 0
/// prints results to stdout. They throw Errors.
ExitCode translate_command(const Arguments& arguments, comm::Communicator& host);

}  // namespace pgan::apps
