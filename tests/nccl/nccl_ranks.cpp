// Run under mpirun: the NCCL transport over the stand-in library. nccl_test.cpp says what must come
// out of it.
//   nccl_ranks contract            exits 0 when the transport keeps the contract
//   nccl_ranks work                50 collectives; an error ends the job as pgan-train does
//   nccl_ranks sleep               one collective, of which nobody asks how it ended
//   nccl_ranks stuck               as work, but the thread that watches NCCL hangs inside it
//   nccl_ranks leave               one collective, then the end, whatever became of it
// STAND_IN_GPUS=2: GPUs on this host; default: one a rank. STAND_IN_TIMEOUT=3: in seconds.
#include <dlfcn.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "comm/agree.h"
#include "comm/contract.h"
#include "comm/gradient_reducer.h"
#include "comm/nccl_transport.h"
#include "comm/transports.h"
#include "nccl/host_queue.h"

namespace {

using pgan::comm::Communicator;
using pgan::comm::ReduceOp;
using pgan::tests::require;

int number(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoi(text);
}

std::unique_ptr<Communicator> open(Communicator& host) {
  const int gpu = host.local_rank() % number("STAND_IN_GPUS", host.size());
  pgan::comm::NcclParts parts{
      .api = pgan::comm::load_nccl(NCCL_STAND_IN),
      .queue = std::make_shared<pgan::tests::HostQueue>("GPU-" + std::to_string(gpu)),
      .timeout_seconds = static_cast<double>(number("STAND_IN_TIMEOUT", 30)),
      .grace_seconds = 1};
  return make_nccl(parts, host);
}

void check_reducer(Communicator& device) {
  const std::vector<torch::Tensor> params = {torch::ones({300, 1000}).requires_grad_(true),
                                             torch::ones({700, 1000}).requires_grad_(true),
                                             torch::ones({7}).requires_grad_(true)};
  pgan::comm::GradientReducer reducer(device, "D", params, {.bucket_mib = 1});
  const double mean = (device.size() + 1) / 2.0;
  for (int phase = 0; phase < 3; ++phase) {
    const double own = device.rank() + 1;
    reducer.begin();
    reducer.arm({{"loss", torch::tensor(own)}});
    (own * (params[0].sum() + 2 * params[1].sum() + 3 * params[2].sum())).backward();
    reducer.flush();
    const auto outcome = reducer.finish();
    require(outcome.finite && std::abs(outcome.mean_losses.at("loss") - mean) < 1e-6, "losses");
    for (std::size_t i = 0; i < params.size(); ++i) {
      const double expected = mean * static_cast<double>(i + 1);
      require((params[i].grad() - expected).abs().max().item<double>() < 1e-5, "gradients");
    }
  }
}

void check_contract(Communicator& host, Communicator& device) {
  require(device.name() == "nccl" && device.size() == host.size() && device.rank() == host.rank() &&
              device.local_rank() == host.local_rank() && device.local_size() == host.local_size(),
          "the ranks are the host's");
  pgan::tests::check_contract(device);
  torch::Tensor half = torch::full({3}, device.rank() + 0.5, torch::kBFloat16);
  device.all_reduce(half, ReduceOp::mean)->wait();
  require(half.eq(device.size() / 2.0).all().item<bool>(), "mean of bfloat16");
  torch::Tensor large = torch::ones({5 << 20});  // 20 MiB
  device.all_reduce(large, ReduceOp::sum)->wait();
  require(large.eq(device.size()).all().item<bool>(), "a large buffer");
  torch::Tensor none = torch::ones({0});
  device.all_reduce(none, ReduceOp::sum)->wait();
  {
    torch::Tensor dropped = torch::ones({1 << 20});  // let go before it is reduced
    (void)device.all_reduce(dropped, ReduceOp::sum);
  }
  check_reducer(device);
}

void work(Communicator& device) {
  device.set_activity("step 7, phase D");
  torch::Tensor buffer = torch::ones({1000});
  for (int i = 0; i < 50; ++i) {
    buffer.fill_(1);
    device.all_reduce(buffer, ReduceOp::mean, "bucket 2 of 5")->wait();
    require(buffer.eq(1).all().item<bool>(), "mean");
  }
}

void run(const std::string& scenario, Communicator& host) {
  const auto device = open(host);
  torch::Tensor one = torch::ones({1});
  if (scenario == "contract") check_contract(host, *device);
  if (scenario == "work") work(*device);
  if (scenario == "stuck") {
    void* library = dlopen(NCCL_STAND_IN, RTLD_NOW);
    reinterpret_cast<void (*)()>(dlsym(library, "standInHangQueries"))();
    std::this_thread::sleep_for(std::chrono::seconds(1));
    work(*device);
  }
  if (scenario == "sleep") {
    const auto unasked = device->all_reduce(one, ReduceOp::sum);
    std::this_thread::sleep_for(std::chrono::seconds(40));
  }
  if (scenario == "leave") (void)device->all_reduce(one, ReduceOp::sum);
}

}  // namespace

int main(int, char** argv) {
  auto host = pgan::comm::open_host();
  int code = 0;
  try {
    run(argv[1], *host);
  } catch (const pgan::comm::AgreedError& error) {
    if (host->rank() == 0) std::fprintf(stderr, "%s\n", error.what());
    code = static_cast<int>(error.code());
  } catch (...) {
    const pgan::Failure failure = pgan::current_failure();
    std::fprintf(stderr, "%s\n", failure.message.c_str());
    host->abort(failure.code);
  }
  host.reset();
  pgan::comm::finalize(pgan::ExitCode::ok);
  std::printf("rank left\n");
  std::fflush(stdout);
  _exit(code);
}
