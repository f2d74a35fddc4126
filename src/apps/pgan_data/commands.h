#pragma once
#include <string>
#include <vector>

#include "apps/cli.h"
#include "comm/communicator.h"
#include "core/option_set.h"

namespace pgan::apps {

/// The commands of pgan-data: arguments after the command's name -> exit code. They print to stdout
/// (results) and stderr (progress, warnings) and throw Errors.
ExitCode synth_command(const Arguments& arguments);
ExitCode info_command(const Arguments& arguments);
ExitCode verify_command(const Arguments& arguments);
ExitCode sheet_command(const Arguments& arguments);
ExitCode export_command(const Arguments& arguments);

/// Works alone or on many ranks; collective.
ExitCode pack_command(const Arguments& arguments, comm::Communicator& host);

/// Parses a command's options, with --help added: prints it (if this rank prints) and returns
/// false when asked for.
/// usage: the first line of --help.
bool parse_command(const Arguments& arguments, const std::string& usage,
                   const OptionSet::Visit& visit, const std::vector<std::string>& positional = {},
                   bool prints = true);

/// Throws ConfigError when a value that must be given is empty.
void require_option(const std::string& name, const std::string& value, const std::string& example);

}  // namespace pgan::apps
