#include <cstdio>

#include "apps/pgan_eval/commands.h"
#include "comm/agree.h"
#include "core/error.h"

namespace pgan::apps {
namespace {

struct Command {
  const char* name;
  const char* summary;
  ExitCode (*run)(const Arguments&, comm::Communicator&);
};

constexpr Command kCommands[] = {
    {"translate", "how often a judge finds the labels asked for in translated pictures",
     translate_command},
};

void print_help() {
  std::printf(
      "Usage: pgan-eval COMMAND [options]\n\nMeasures trained models, alone or under mpirun, with "
      "the same numbers.\n\nCommands:\n");
  for (const Command& command : kCommands)
    std::printf("  %-10s %s\n", command.name, command.summary);
  std::printf("\npgan-eval COMMAND --help lists a command's options; --version names the build.\n");
}

ExitCode run(const Arguments& arguments, comm::Communicator& host) {
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h")) {
    if (host.rank() == 0) print_help();
    return ExitCode::ok;
  }
  for (const Command& command : kCommands) {
    if (!arguments.empty() && arguments[0] == command.name)
      return command.run({arguments.begin() + 1, arguments.end()}, host);
  }
  throw comm::AgreedError(ExitCode::usage,
                          (arguments.empty() ? std::string("a command is needed")
                                             : "unknown command '" + arguments[0] + "'") +
                              ": expected translate (--help tells what it does)");
}

}  // namespace
}  // namespace pgan::apps

int main(int argc, char** argv) {
  pgan::apps::run_parallel("pgan-eval", argc, argv, pgan::apps::run);
}
