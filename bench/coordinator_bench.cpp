// What the coordinator's collective costs a step: processor time, which means something even where
// there are more ranks than cores. Run by bench/coordinator.sh.

#include <chrono>
#include <cstdio>
#include <thread>

#include "apps/cli.h"
#include "core/option_set.h"
#include "processor_time.h"
#include "train/coordinator.h"

namespace pgan::apps {
namespace {

struct BenchOptions {
  std::int64_t steps = 200, step_ms = 50;
  void visit(OptionVisitor& visitor) {
    visitor.field("steps", steps, "steps measured");
    visitor.field("step-ms", step_ms, "length of a step, in which the rank sleeps");
  }
};

ExitCode bench_main(const Arguments& arguments, comm::Communicator& host) {
  BenchOptions options;
  const OptionSet set([&](OptionVisitor& visitor) { options.visit(visitor); });
  set.assign(set.parse_command_line(arguments));
  train::Coordinator coordinator(host);
  const auto run = [&](bool coordinated) {
    host.barrier();
    const double before = processor_seconds();
    for (std::int64_t step = 0; step < options.steps; ++step) {
      if (coordinated) coordinator.post({});
      std::this_thread::sleep_for(std::chrono::milliseconds(options.step_ms));
      if (coordinated) coordinator.collect();
    }
    return (processor_seconds() - before) / static_cast<double>(options.steps);
  };
  run(true);
  torch::Tensor seconds = torch::tensor({run(true), run(false)}, torch::kFloat64);
  host.all_reduce(seconds, comm::ReduceOp::mean)->wait();
  const double with = seconds[0].item<double>(), without = seconds[1].item<double>();
  if (host.rank() == 0) {
    std::printf(
        "%d ranks, steps of %lld ms: %.1f us of processor time a step and rank (%.1f with the "
        "coordinator, %.1f without): %.2f %% of the step\n",
        host.size(), static_cast<long long>(options.step_ms), 1e6 * (with - without), 1e6 * with,
        1e6 * without, 100 * (with - without) / (1e-3 * static_cast<double>(options.step_ms)));
  }
  return ExitCode::ok;
}

}  // namespace
}  // namespace pgan::apps

int main(int argc, char** argv) {
  pgan::apps::run_parallel("coordinator-bench", argc, argv, pgan::apps::bench_main);
}
