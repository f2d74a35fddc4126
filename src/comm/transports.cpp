#include "comm/transports.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "comm/makers.h"
#include "comm/nccl_api.h"
#include "core/launcher.h"

namespace pgan::comm {
namespace {

constexpr Transport kTransports[] = {
    {"self", [](torch::Device device, Communicator*, double) { return make_self(device); }},
    {"mpi", [](torch::Device device, Communicator*, double) { return make_mpi(device); }},
    {"nccl", make_nccl},
};

/// Value of an environment variable as a count, 0 when unset or no number.
int environment_count(const char* name) {
  const char* text = std::getenv(name);
  int value = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), value);
  return value;
}

/// Open MPI's own promise counts before Slurm's, since `mpirun -np 2` may run inside a larger job.
void check_promise(int ranks) {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "SLURM_NTASKS"}) {
    const int promised = environment_count(variable);
    if (promised > ranks) {
      throw ConfigError(std::string(variable) + " promises " + std::to_string(promised) +
                        " ranks, but MPI sees " + std::to_string(ranks) +
                        ": start with mpirun, or srun --mpi=pmix (README.md), or unset " +
                        variable + " to train on one rank");
    }
    if (promised > 0) return;
  }
}

}  // namespace

void CommOptions::visit(OptionVisitor& visitor) {
  visitor.group("Ranks");
  visitor.field("timeout", timeout_seconds,
                "seconds a rank waits for the others before it ends the job (exit 5)");
}

void CommOptions::validate() const {
  if (!(timeout_seconds > 0)) {
    throw ConfigError("--timeout " + std::to_string(timeout_seconds) +
                      ": expected seconds above 0");
  }
}

std::span<const Transport> transports() {
  return kTransports;
}

std::unique_ptr<Communicator> open_host(std::function<bool()> ending) {
  if (!under_launcher()) {
    check_promise(1);
    return make_self(torch::kCPU);
  }
  auto host = make_mpi(torch::kCPU, std::move(ending));
  check_promise(host->size());
  return host;
}

std::unique_ptr<Communicator> open_device(torch::Device device, Communicator& host,
                                          double timeout_seconds) {
  if (device.is_cpu()) return nullptr;
  const bool alone = host.size() == 1 && find_nccl().get_version == nullptr;
  return alone ? make_self(device) : make_nccl(device, &host, timeout_seconds);
}

}  // namespace pgan::comm
