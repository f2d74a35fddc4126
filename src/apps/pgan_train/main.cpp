#include <csignal>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "apps/cli.h"
#include "apps/pgan_train/config.h"
#include "apps/pgan_train/session.h"
#include "apps/pgan_train/stop_requests.h"
#include "comm/agree.h"
#include "comm/together.h"

namespace pgan::apps {
namespace {

ExitCode train_main(const Arguments& arguments, comm::Communicator& host) {
  if (wants_help(arguments)) {
    comm::on_rank_0(host, [&] { std::fputs(train_help(arguments).c_str(), stdout); });
    return ExitCode::ok;
  }
  watch_stop_signals();  // again: MPI's start may have put its own
  // Rank 0 alone resolves: other hosts may see other files and other environments.
  std::string resolved;
  comm::on_rank_0(
      host, [&] { resolved = nlohmann::json(resolve_values(arguments, host.size())).dump(); });
  resolved = comm::broadcast_text(host, resolved);
  TrainConfig config;
  comm::agree(host,
              [&] { config = make_config(nlohmann::json::parse(resolved).get<OptionValues>()); });
  return run_session(std::move(config), host);
}

}  // namespace
}  // namespace pgan::apps

int main(int argc, char** argv) {
  pgan::apps::watch_stop_signals();  // first: a signal during the start stops at the first step
  pgan::apps::run_parallel("pgan-train", argc, argv, pgan::apps::train_main,
                           [] { return pgan::apps::stop_signal() == SIGTERM; });
}
