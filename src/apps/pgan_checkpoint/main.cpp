#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "apps/pgan_checkpoint/commands.h"
#include "core/error.h"
#include "core/file_error.h"

namespace pgan::apps {
namespace {

struct Command {
  const char* name;
  const char* summary;
  ExitCode (*run)(const Arguments&);
};

constexpr Command kCommands[] = {
    {"info", "says what a checkpoint holds", info_command},
    {"verify", "reads every byte of a checkpoint and compares the checksums", verify_command},
    {"export", "writes one network as a safetensors file, for Python and others", export_command},
    {"import", "takes over another program's network", import_command},
    {"diff", "compares the values of two checkpoints", diff_command},
};

void print_help() {
  std::cout
      << "Usage: pgan-checkpoint COMMAND [options]\n\nInspects the checkpoints that pgan-train "
         "writes. Where a command takes a checkpoint's\nfolder it also takes a run's, and uses "
         "the newest whole one.\n\nCommands:\n";
  for (const Command& command : kCommands) {
    std::printf("  %-8s %s\n", command.name, command.summary);
  }
  std::cout
      << "\npgan-checkpoint COMMAND --help lists a command's options; --version names the build.\n";
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
  throw ConfigError("unknown command '" + arguments[0] +
                    "': expected info, verify, export, import or diff (--help tells what they do)");
}

}  // namespace

bool parse_command(const Arguments& given, const std::string& usage, const OptionSet::Visit& visit,
                   const std::vector<std::string>& positional) {
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
  if (help) std::cout << "Usage: " << usage << "\n" << text;
  return !help;
}

void require_option(const std::string& name, const std::string& value, const std::string& example) {
  if (value.empty()) throw ConfigError(name + " is needed, e.g. " + example);
}

std::string_view network_of(std::string_view tensor) {
  return tensor.substr(0, tensor.find('/'));
}

std::map<std::string, NetworkSize> network_sizes(const checkpoint::Manifest& manifest) {
  std::map<std::string, NetworkSize> sizes;
  for (const auto& [name, entry] : manifest.tensors) {
    NetworkSize& size = sizes[std::string(network_of(name))];
    ++size.tensors;
    size.elements += entry.numel();
    size.bytes += entry.bytes();
  }
  return sizes;
}

}  // namespace pgan::apps

int main(int argc, char** argv) {
  return pgan::apps::run_serial("pgan-checkpoint", argc, argv, pgan::apps::run);
}
