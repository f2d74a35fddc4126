#pragma once
#include <string>

#include "apps/cli.h"

namespace pgan::apps {

/// The model these arguments mean, which decides what options there are: --model, or else that of
/// --config, of the run or checkpoint to go on with (--run, --resume), of --init-from, the one that
/// has the --preset, or progressive. Reads files; one that cannot be read decides nothing here.
std::string chosen_model(const Arguments& arguments);

}  // namespace pgan::apps
