// Run under mpirun with any number of ranks. Without arguments: exits 0 when the MPI transport
// keeps the contract. With "late": rank 0 does not come to a barrier in time, and the others end
// the job.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "comm/contract.h"
#include "comm/transports.h"

namespace {

void check(pgan::comm::Communicator& host) {
  pgan::tests::require(host.name() == "mpi", "mpirun gives the mpi transport");
  pgan::tests::require(host.local_size() == host.size(), "all ranks are on this host");
  pgan::tests::check_contract(host);
  torch::Tensor large = torch::ones({5 << 20});  // 20 MiB
  host.all_reduce(large, pgan::comm::ReduceOp::sum)->wait();
  pgan::tests::require(large.eq(host.size()).all().item<bool>(), "a large buffer");
}

void come_late(pgan::comm::Communicator& host) {
  host.set_timeout(0.5);
  if (host.rank() == 0) std::this_thread::sleep_for(std::chrono::seconds(30));
  try {
    host.barrier();
  } catch (const pgan::CommError& error) {
    std::fprintf(stderr, "rank %d: %s\n", host.rank(), error.what());
    host.abort(error.code());
  }
}

}  // namespace

int main(int argc, char** argv) {
  auto host = pgan::comm::open_host();
  try {
    if (argc > 1 && std::strcmp(argv[1], "late") == 0) {
      come_late(*host);
    } else {
      check(*host);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rank %d: %s\n", host->rank(), error.what());
    host->abort(pgan::ExitCode::internal);
  }
  host.reset();
  pgan::comm::finalize(pgan::ExitCode::ok);
  return 0;
}
