// What a checkpoint of a full 1024x1024 Progressive GAN costs, against dd on the same disk in the
// same run. Run by bench/checkpoint.sh; prints one table.
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <thread>

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include "apps/cli.h"
#include "checkpoint/load.h"
#include "checkpoint/store.h"
#include "comm/agree.h"
#include "core/device.h"
#include "core/option_set.h"
#include "models/progressive_networks.h"

namespace pgan::apps {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

struct BenchOptions {
  std::string folder = "bench-checkpoints";
  std::int64_t resolution = 1024, rounds = 7, steps = 6, checkpoints = 1000;
  double step_seconds = 0.5;
  void visit(OptionVisitor& visitor) {
    visitor.field("folder", folder, "a new folder on the disk to be measured; removed at the end");
    visitor.field("resolution", resolution, "of the networks");
    visitor.field(
        "rounds", rounds,
        "times each measurement is made; the middle is shown, of times of training the least");
    visitor.field("steps", steps, "steps of training that a save happens within");
    visitor.field("step-seconds", step_seconds, "about how long such a step computes");
    visitor.field("checkpoints", checkpoints, "in the folder when the newest is looked for");
  }
};

double seconds_of(const std::function<void()>& work) {
  const Clock::time_point start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double least(const std::vector<double>& values) {
  return *std::ranges::min_element(values);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Networks, average and both moments of Adam, as names and values of a run would be.
TensorMap full_state(std::int64_t resolution) {
  const models::ProgressiveShape shape{512, models::progressive_channels(8192, 512)};
  models::ProgressiveGenerator generator(shape, {});
  models::ProgressiveDiscriminator discriminator(shape, {});
  generator.grow(resolution);
  discriminator.grow(resolution);
  TensorMap state;
  const auto add = [&](const torch::nn::Module& network, const std::string& name) {
    for (const auto& item : network.named_parameters()) {
      const torch::Tensor value = item.value().detach();
      state[name + "/" + item.key()] = value;
      state["adam." + name + "/" + item.key() + ".m"] = value.clone();
      state["adam." + name + "/" + item.key() + ".v"] = value.clone();
      if (name == "G") state["G_ema/" + item.key()] = value.clone();
    }
  };
  add(generator, "G");
  add(discriminator, "D");
  return state;
}

/// Forgets the highest resident memory so far; returns the present, in bytes.
std::int64_t forget_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
  return resident_bytes();
}

std::int64_t peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib * 1024;
  }
  return 0;
}

class Bench {
 public:
  Bench(BenchOptions options, comm::Communicator& host)
      : options_(std::move(options)), host_(host), state_(full_state(options_.resolution)) {
    for (const auto& [name, tensor] : state_) bytes_ += tensor.nbytes();
  }
  void run();

 private:
  checkpoint::Manifest manifest(std::int64_t images) const;
  double dd();
  double save(checkpoint::Store& store);
  double train(checkpoint::Store* store, bool wait);
  void measure_writing();
  void measure_delay();
  void measure_loading();
  void measure_finding();
  double slowest(double seconds);
  void say(const char* format, auto... values) const {
    if (host_.rank() == 0) std::printf(format, values...);
  }

  BenchOptions options_;
  comm::Communicator& host_;
  TensorMap state_;
  std::size_t bytes_ = 0;
  std::int64_t images_ = 0;
  std::vector<double> begun_, copied_;  // seconds the training thread waited in begin, await_copy
};

checkpoint::Manifest Bench::manifest(std::int64_t images) const {
  checkpoint::Manifest manifest;
  manifest.recipe = "progressive";
  manifest.progress = {images, images};
  manifest.growth = {options_.resolution, 1.0};
  return manifest;
}

double Bench::slowest(double seconds) {
  torch::Tensor value = torch::tensor({seconds}, torch::kFloat64);
  host_.all_reduce(value, comm::ReduceOp::max)->wait();
  return value.item<double>();
}

/// As many bytes by dd, conv=fsync, rank 0 alone: the disk is shared.
double Bench::dd() {
  const double seconds = seconds_of([&] {
    if (host_.rank() != 0) return;
    const std::string file = options_.folder + "/dd";
    const std::string command = "dd if=/dev/zero of='" + file +
                                "' bs=16M count=" + std::to_string(bytes_ >> 24) +
                                " conv=fsync 2>/dev/null";
    if (std::system(command.c_str()) != 0) throw DataError("dd failed in " + options_.folder);
    fs::remove(file);
  });
  return slowest(seconds);
}

double Bench::save(checkpoint::Store& store) {
  host_.barrier();
  return slowest(seconds_of([&] {
    store.begin(manifest(++images_), state_);
    store.await_copy();
    store.drain();
  }));
}

void Bench::measure_writing() {
  checkpoint::Store store(options_.folder, host_, {.keep_last = 1});
  std::vector<double> ours, theirs, extra;
  for (std::int64_t round = 0; round < options_.rounds; ++round) {
    theirs.push_back(dd());
    const std::int64_t before = forget_peak();
    ours.push_back(save(store));
    extra.push_back(slowest(static_cast<double>(peak_bytes() - before)));
  }
  const double megabytes = static_cast<double>(bytes_) / 1e6;
  say("write: dd conv=fsync %.3f s (%.0f MB/s); begin to in place %.3f s (%.0f MB/s): %.0f %% of "
      "dd\n",
      median(theirs), megabytes / median(theirs), median(ours), megabytes / median(ours),
      100 * median(theirs) / median(ours));
  say("write: extra memory of a rank at most %.1f MiB; share %.1f MiB + 64\n",
      median(extra) / (1 << 20), static_cast<double>(bytes_) / host_.size() / (1 << 20));
}

/// Steps as a trainer makes them: compute, change the state, exchange a small status. With a store,
/// a save begins after the first; `wait`: and ends there.
double Bench::train(checkpoint::Store* store, bool wait) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor a = torch::randn({256, 256}) / 16;
  torch::Tensor x = torch::randn({256, 256});
  torch::Tensor status = torch::zeros({1}, torch::kFloat64);
  static std::int64_t products = 0;
  if (products == 0) {
    const double one = seconds_of([&] {
      for (int i = 0; i < 200; ++i) x = torch::mm(a, x).clamp_(-1, 1);
    });
    products =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(options_.step_seconds / one * 200));
    torch::Tensor agreed = torch::tensor({products}, torch::kInt64);
    host_.all_reduce(agreed, comm::ReduceOp::min)->wait();
    products = agreed.item<std::int64_t>();
  }
  host_.barrier();
  bool saving = false;
  const double seconds = seconds_of([&] {
    for (std::int64_t step = 0; step < options_.steps; ++step) {
      for (std::int64_t i = 0; i < products; ++i) x = torch::mm(a, x).clamp_(-1, 1);
      if (store != nullptr && step == 1)
        copied_.push_back(seconds_of([&] { store->await_copy(); }));
      state_.at("G/4.conv.bias").add_(1e-3);
      using Writing = checkpoint::Store::Writing;
      status[0] = saving && store->poll() != Writing::synced ? 1.0 : 0.0;
      host_.all_reduce(status, comm::ReduceOp::max)->wait();
      if (saving && status.item<double>() == 0) {
        store->commit();
        saving = false;
      }
      if (store == nullptr || step != 0) continue;
      begun_.push_back(seconds_of([&] { store->begin(manifest(++images_), state_); }));
      saving = !wait;
      if (wait) store->drain();
    }
  });
  if (store != nullptr) store->drain();
  return slowest(seconds);
}

void Bench::measure_delay() {
  checkpoint::Store store(options_.folder, host_, {.keep_last = 1});
  train(nullptr, false);
  std::vector<double> none, background, waiting;
  for (std::int64_t round = 0; round < options_.rounds; ++round) {
    none.push_back(train(nullptr, false));
    background.push_back(train(&store, false));
    waiting.push_back(train(&store, true));
  }
  const double delay = least(background) - least(none), cost = least(waiting) - least(none);
  say("delay: %lld steps take %.3f s without a save, %.3f s with one in the background, %.3f s "
      "with "
      "one waited for: %.1f %% of a synchronous save\n",
      static_cast<long long>(options_.steps), least(none), least(background), least(waiting),
      100 * delay / cost);
  say("delay: the training thread itself waited %.4f s (begin %.4f s, copy %.4f s)\n",
      median(begun_) + median(copied_), median(begun_), median(copied_));
}

void Bench::measure_loading() {
  std::vector<double> seconds, extra;
  for (std::int64_t round = 0; round < options_.rounds; ++round) {
    host_.barrier();
    const std::int64_t before = forget_peak();
    seconds.push_back(slowest(seconds_of([&] {
      checkpoint::load_into(*checkpoint::find_newest(options_.folder, host_), state_, host_);
    })));
    extra.push_back(slowest(static_cast<double>(peak_bytes() - before)));
  }
  say("load: checked and read in %.3f s (%.0f MB/s, from the page cache); extra memory of a rank "
      "at "
      "most %.1f MiB\n",
      median(seconds), static_cast<double>(bytes_) / 1e6 / median(seconds),
      median(extra) / (1 << 20));
}

void Bench::measure_finding() {
  const std::string folder = options_.folder + "/many";
  {
    checkpoint::Store store(folder, host_, {.keep_last = 0});
    store.begin(manifest(1), {{"w", torch::ones({16})}});
    store.drain();
  }
  comm::agree(host_, [&] {
    if (host_.rank() != 0) return;
    for (std::int64_t i = 2; i <= options_.checkpoints; ++i) {
      fs::copy(folder + "/" + checkpoint::folder_name(1),
               folder + "/" + checkpoint::folder_name(i));
    }
  });
  std::vector<double> seconds;
  for (std::int64_t round = 0; round < options_.rounds; ++round) {
    host_.barrier();
    seconds.push_back(slowest(seconds_of([&] { checkpoint::find_newest(folder, host_); })));
  }
  say("find: the newest of %lld checkpoints in %.4f s\n",
      static_cast<long long>(options_.checkpoints), median(seconds));
}

void Bench::run() {
  at::set_num_threads(1);
  say("%zu tensors, %.0f MB, %d rank(s)\n", state_.size(), static_cast<double>(bytes_) / 1e6,
      host_.size());
  measure_writing();
  measure_delay();
  measure_loading();
  measure_finding();
  host_.barrier();
  if (host_.rank() == 0) fs::remove_all(options_.folder);
}

ExitCode bench_main(const Arguments& arguments, comm::Communicator& host) {
  BenchOptions options;
  const OptionSet set([&](OptionVisitor& visitor) { options.visit(visitor); });
  if (wants_help(arguments)) {
    if (host.rank() == 0) std::fputs(set.help().c_str(), stdout);
    return ExitCode::ok;
  }
  set.assign(set.parse_command_line(arguments));
  if (fs::exists(options.folder)) {
    throw comm::AgreedError(ExitCode::usage, options.folder + " exists: expected a new folder");
  }
  host.barrier();
  Bench(options, host).run();
  return ExitCode::ok;
}

}  // namespace
}  // namespace pgan::apps

int main(int argc, char** argv) {
  pgan::apps::run_parallel("checkpoint-bench", argc, argv, pgan::apps::bench_main);
}
