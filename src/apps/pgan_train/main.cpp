#include <cstdio>

#include <nlohmann/json.hpp>

#include "apps/cli.h"
#include "apps/pgan_train/config.h"
#include "apps/pgan_train/session.h"
#include "apps/pgan_train/stop_signal.h"
#include "comm/agree.h"

namespace pgan::apps {
namespace {

ExitCode train_main(const Arguments& arguments, comm::Communicator& host) {
  if (wants_help(arguments)) {
    comm::agree(host, [&] {
      const std::string text = train_help(arguments);
      if (host.rank() == 0) std::fputs(text.c_str(), stdout);
    });
    return ExitCode::ok;
  }
  watch_stop_signals();
  // Rank 0 alone resolves: other hosts may see other files and other environments.
  OptionValues values;
  comm::agree(host, [&] {
    if (host.rank() == 0) values = resolve_values(arguments, host.size());
  });
  values = nlohmann::json::parse(comm::broadcast_text(host, nlohmann::json(values).dump()))
               .get<OptionValues>();
  return run_session(make_config(values), host);
}

}  // namespace
}  // namespace pgan::apps

int main(int argc, char** argv) {
  pgan::apps::run_parallel("pgan-train", argc, argv, pgan::apps::train_main);
}
