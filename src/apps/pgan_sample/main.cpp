#include <cstdio>

#include "apps/pgan_sample/commands.h"
#include "core/error.h"

namespace pgan::apps {
namespace {

ExitCode run(const Arguments& arguments) {
  if (arguments.empty() || arguments[0].starts_with('-')) return noise_command(arguments);
  if (arguments[0] == "translate")
    return translate_command({arguments.begin() + 1, arguments.end()});
  throw ConfigError("unknown command '" + arguments[0] +
                    "': expected translate, or options alone for pictures from noise (--help)");
}

}  // namespace

bool parse_command(const Arguments& arguments, const std::string& about,
                   const OptionSet::Visit& visit) {
  const OptionSet options(visit);
  if (wants_help(arguments)) {
    std::fputs((about + options.help()).c_str(), stdout);
    return false;
  }
  options.assign(options.parse_command_line(arguments));
  return true;
}

}  // namespace pgan::apps

int main(int argc, char** argv) {
  return pgan::apps::run_serial("pgan-sample", argc, argv, pgan::apps::run);
}
