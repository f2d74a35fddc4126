// Run under mpirun with any number of ranks: exits 0 when the MPI transport keeps the contract.
#include <chrono>
#include <cstdio>
#include <thread>

#include "comm/contract.h"
#include "comm/transports.h"

int main() {
  int status = 0;
  auto host = pgan::comm::open_host();
  try {
    pgan::tests::require(host->name() == "mpi", "mpirun gives the mpi transport");
    pgan::tests::check_contract(*host);
    torch::Tensor large = torch::ones({5 << 20});  // 20 MiB
    host->all_reduce(large, pgan::comm::ReduceOp::sum)->wait();
    pgan::tests::require(large.eq(host->size()).all().item<bool>(), "a large buffer");
    if (host->size() > 1) {
      // A rank that comes late is waited for up to the timeout, then named as missing.
      host->set_timeout(0.5);
      if (host->rank() == 0) std::this_thread::sleep_for(std::chrono::seconds(3));
      bool timed_out = false;
      try {
        host->barrier();
      } catch (const pgan::CommError&) {
        timed_out = true;
      }
      pgan::tests::require(timed_out == (host->rank() != 0), "a late rank runs into the timeout");
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rank %d: %s\n", host->rank(), error.what());
    status = 1;
  }
  std::fflush(nullptr);
  if (host->size() == 1 || status != 0) _exit(status);
  std::this_thread::sleep_for(std::chrono::seconds(4));  // all ranks are past their timeout
  _exit(status);
}
