#include "apps/pgan_train/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include "comm/transports.h"
#include "core/launcher.h"
#include "core/version.h"

namespace pgan::apps {

std::int64_t default_threads(comm::Communicator& host) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) CPU_SET(0, &allowed);
  std::string mine = host_name();
  for (int core = 0; core < CPU_SETSIZE; ++core) mine += CPU_ISSET(core, &allowed) ? '1' : '0';
  const std::vector<std::string> all = comm::gather_text(host, mine);
  return std::max<std::int64_t>(1, CPU_COUNT(&allowed) / std::ranges::count(all, mine));
}

std::int64_t cores() {
  return std::max<std::int64_t>(1, ::sysconf(_SC_NPROCESSORS_ONLN));
}

std::string environment_json(const comm::Communicator& host, torch::Device device,
                             std::int64_t threads) {
  const BuildInfo build = build_info();
  const nlohmann::ordered_json facts{{"version", build.version},
                                     {"git", build.git},
                                     {"libtorch", build.libtorch},
                                     {"cuda", build.cuda},
                                     {"nccl", build.nccl},
                                     {"mpi", comm::mpi_version()},
                                     {"compiler", build.compiler},
                                     {"host", host_name()},
                                     {"ranks", host.size()},
                                     {"ranks_on_this_host", host.local_size()},
                                     {"transport", std::string(host.name())},
                                     {"device", device.str()},
                                     {"threads_per_rank", threads},
                                     {"cores", cores()}};
  return facts.dump(2);
}

}  // namespace pgan::apps
