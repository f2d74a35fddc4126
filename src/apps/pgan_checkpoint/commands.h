#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli.h"
#include "checkpoint/manifest.h"
#include "core/option_set.h"

namespace pgan::apps {

/// The commands of pgan-checkpoint: arguments after the command's name -> exit code. They print to
/// stdout and throw Errors.
ExitCode info_command(const Arguments& arguments);
ExitCode verify_command(const Arguments& arguments);
ExitCode export_command(const Arguments& arguments);
ExitCode import_command(const Arguments& arguments);
ExitCode diff_command(const Arguments& arguments);

/// Parses a command's options, with --help added: prints it and returns false when asked for.
/// usage: the first line of --help.
bool parse_command(const Arguments& arguments, const std::string& usage,
                   const OptionSet::Visit& visit, const std::vector<std::string>& positional);

/// Throws ConfigError when a value that must be given is empty.
void require_option(const std::string& name, const std::string& value, const std::string& example);

/// "G_ema" of "G_ema/to_rgb.weight": what a tensor belongs to.
std::string_view network_of(std::string_view tensor);

/// Tensors, elements and bytes by network.
struct NetworkSize {
  std::int64_t tensors = 0;
  std::int64_t elements = 0;
  std::int64_t bytes = 0;
};
std::map<std::string, NetworkSize> network_sizes(const checkpoint::Manifest& manifest);

}  // namespace pgan::apps
