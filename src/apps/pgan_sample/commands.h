#pragma once
#include <string>

#include "apps/cli.h"
#include "core/option_set.h"

namespace pgan::apps {

/// The commands of pgan-sample: arguments after the command's name -> exit code. They print to
/// stdout, warnings to stderr, and throw Errors.
ExitCode noise_command(const Arguments& arguments);
ExitCode translate_command(const Arguments& arguments);

/// Parses a command's options; for --help prints `about` and the options and returns false.
bool parse_command(const Arguments& arguments, const std::string& about,
                   const OptionSet::Visit& visit);

}  // namespace pgan::apps
