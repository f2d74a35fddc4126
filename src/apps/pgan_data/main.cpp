#include <algorithm>
#include <cstdio>
#include <iostream>

#include <ATen/Parallel.h>

#include "apps/pgan_data/commands.h"
#include "apps/pgan_data/interrupt.h"
#include "core/error.h"

namespace pgan::apps {
namespace {

struct Command {
  const char* name;
  const char* summary;
  ExitCode (*run)(const Arguments&);
};

constexpr Command kCommands[] = {
    {"synth", "draws labelled faces, any size, from a seed", synth_command},
    {"pack", "imports a data set of any usual layout into a pack; also under mpirun", nullptr},
    {"info", "describes a pack", info_command},
    {"verify", "reads all of a pack and names every damaged picture", verify_command},
    {"sheet", "draws a contact sheet of a pack, with labels", sheet_command},
    {"export", "writes pictures and labels of a pack as files", export_command},
};

void print_help() {
  std::cout
      << "Usage: pgan-data COMMAND [options]\n\nMakes and inspects packs, the image sets that "
         "pgan-train reads.\n\nCommands:\n";
  for (const Command& command : kCommands) {
    std::printf("  %-8s %s\n", command.name, command.summary);
  }
  std::cout << "\npgan-data COMMAND --help lists a command's options; --version names the build.\n";
}

ExitCode run(const Arguments& arguments) {
  if (arguments.empty()) throw ConfigError("a command is needed (--help lists them)");
  if (arguments[0] == "--help" || arguments[0] == "-h") {
    print_help();
    return ExitCode::ok;
  }
  for (const Command& command : kCommands) {
    if (arguments[0] == command.name) return command.run({arguments.begin() + 1, arguments.end()});
  }
  throw ConfigError(
      "unknown command '" + arguments[0] +
      "': expected synth, pack, info, verify, sheet or export (--help tells what they do)");
}

}  // namespace

bool parse_command(const Arguments& given, const std::string& usage, const OptionSet::Visit& visit,
                   const std::vector<std::string>& positional, bool prints) {
  Arguments arguments = given;
  std::replace(arguments.begin(), arguments.end(), std::string("-h"), std::string("--help"));
  bool help = false;
  const OptionSet options(
      [&](OptionVisitor& visitor) {
        visit(visitor);
        visitor.group("Other");
        visitor.field("help", help, "print this text");
      },
      positional);
  const std::string text = options.help();
  options.assign(options.parse_command_line(arguments));
  if (help && prints) std::cout << "Usage: " << usage << "\n" << text;
  return !help;
}

void require_option(const std::string& name, const std::string& value, const std::string& example) {
  if (value.empty()) throw ConfigError(name + " is needed, e.g. " + example);
}

}  // namespace pgan::apps

namespace {

using pgan::apps::Arguments;

[[noreturn]] void end_interrupted(int signal, const char* rest) {
  std::cerr << "pgan-data: stopped by signal " << signal << "; " << rest << "\n";
  pgan::apps::die_of(signal);
}

[[noreturn]] void run_pack(int argc, char** argv) {
  using namespace pgan;
  apps::run_parallel("pgan-data", argc, argv,
                     [](const Arguments& arguments, comm::Communicator& host) {
                       try {
                         return apps::pack_command({arguments.begin() + 1, arguments.end()}, host);
                       } catch (const apps::Interrupted& reason) {
                         if (host.rank() != 0) apps::die_of(reason.signal);
                         end_interrupted(reason.signal, "the same command goes on from here");
                       }
                     });
}

}  // namespace

int main(int argc, char** argv) {
  using namespace pgan;
  // Pictures are shared out over threads of our own; LibTorch's would fight them for the
  // processors.
  at::set_num_threads(1);
  apps::note_interrupts();
  if (argc > 1 && std::string_view(argv[1]) == "pack") run_pack(argc, argv);
  int interrupted = 0;
  const int status =
      apps::run_serial("pgan-data", argc, argv, [&](const apps::Arguments& arguments) {
        try {
          return apps::run(arguments);
        } catch (const apps::Interrupted& reason) {
          interrupted = reason.signal;
          return ExitCode::ok;
        }
      });
  if (interrupted != 0) end_interrupted(interrupted, "nothing half-made was left behind");
  return status;
}
