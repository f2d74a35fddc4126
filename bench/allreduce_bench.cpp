// What averaging gradients costs, against raw MPI_Allreduce of the same bytes in the same run, in
// turn. Run by bench/allreduce.sh on one host and by bench/scaling.sh between hosts; prints tables.
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include "apps/cli.h"
#include "comm/gradient_reducer.h"
#include "core/option_set.h"
#include "models/progressive_networks.h"

namespace pgan::apps {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kSizesKib[] = {64, 256, 1024, 4096, 16384, 65536};
constexpr std::int64_t kMostKibQuickly = 4096;

struct BenchOptions {
  std::int64_t rounds = 15, resolution = 1024;
  double compute_share = 2.2;
  bool quick = false;
  comm::ReducerOptions reducer;
  void visit(OptionVisitor& visitor) {
    visitor.field("rounds", rounds, "times each measurement is made; the middle is shown");
    visitor.field("resolution", resolution, "of the generator whose gradients are averaged");
    visitor.field("compute-share", compute_share,
                  "length of the computation that the reduction is to hide behind, in reductions");
    visitor.field("quick", quick, "the table of sizes alone, up to 4 MiB");
    reducer.visit(visitor);
  }
};

double seconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

class Bench {
 public:
  Bench(BenchOptions options, comm::Communicator& host);
  ~Bench() { MPI_Comm_free(&raw_); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  void run();

 private:
  double slowest(const std::function<void()>& work);
  double largest(double value) const;
  void raw(torch::Tensor& buffer, std::int64_t piece_bytes) const;
  void reduce();
  void compute(std::int64_t products);
  void measure_sizes();
  void measure_reducer();
  void measure_overlap();
  std::int64_t products_for(double seconds);
  void say(const char* format, auto... values) const {
    if (host_.rank() == 0) std::printf(format, values...);
  }

  BenchOptions options_;
  comm::Communicator& host_;
  MPI_Comm raw_ = MPI_COMM_NULL;
  std::vector<torch::Tensor> parameters_;
  std::int64_t bytes_ = 0;
  std::unique_ptr<comm::GradientReducer> reducer_;
  double travelled_ = 0;  // seconds, of the last reduction: first bucket posted to last ended
  torch::Tensor a_ = torch::randn({256, 256}) / 16, x_ = torch::randn({256, 256});
};

Bench::Bench(BenchOptions options, comm::Communicator& host)
    : options_(std::move(options)), host_(host) {
  MPI_Comm_dup(MPI_COMM_WORLD, &raw_);
  const models::ProgressiveShape shape{512, models::progressive_channels(8192, 512)};
  models::ProgressiveGenerator generator(shape, {});
  generator.grow(options_.resolution);
  parameters_ = generator.parameters();
  for (const torch::Tensor& parameter : parameters_)
    bytes_ += static_cast<std::int64_t>(parameter.nbytes());
  reducer_ = std::make_unique<comm::GradientReducer>(host_, "G", parameters_, options_.reducer);
}

double Bench::largest(double value) const {
  MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_MAX, raw_);
  return value;
}

/// Seconds of the slowest rank; all begin together.
double Bench::slowest(const std::function<void()>& work) {
  MPI_Barrier(raw_);
  const Clock::time_point begin = Clock::now();
  work();
  return largest(seconds_between(begin, Clock::now()));
}

void Bench::raw(torch::Tensor& buffer, std::int64_t piece_bytes) const {
  auto* const data = buffer.mutable_data_ptr<float>();
  const std::int64_t piece = piece_bytes / static_cast<std::int64_t>(sizeof(float));
  for (std::int64_t done = 0; done < buffer.numel(); done += piece) {
    const auto count = static_cast<int>(std::min(piece, buffer.numel() - done));
    MPI_Allreduce(MPI_IN_PLACE, data + done, count, MPI_FLOAT, MPI_SUM, raw_);
  }
}

void Bench::reduce() {
  reducer_->flush();
  const auto calls = reducer_->finish().calls;
  travelled_ = seconds_between(calls.front().posted, calls.back().ended);
}

void Bench::compute(std::int64_t products) {
  const torch::NoGradGuard no_grad;
  for (std::int64_t i = 0; i < products; ++i) x_ = torch::mm(a_, x_).clamp_(-1, 1);
}

void Bench::measure_sizes() {
  say("%12s %14s %14s %8s\n", "bytes", "raw, ms", "ours, ms", "ratio");
  std::vector<std::int64_t> sizes;
  for (const std::int64_t kib : kSizesKib) {
    if (!options_.quick || kib <= kMostKibQuickly) sizes.push_back(kib << 10);
  }
  if (!options_.quick) sizes.push_back(bytes_);
  for (const std::int64_t bytes : sizes) {
    torch::Tensor buffer = torch::zeros({bytes / 4});
    std::vector<double> theirs, ours;
    for (std::int64_t round = 0; round < options_.rounds; ++round) {
      theirs.push_back(slowest([&] { raw(buffer, bytes); }));
      ours.push_back(slowest([&] { host_.all_reduce(buffer, comm::ReduceOp::sum)->wait(); }));
    }
    say("%12lld %14.3f %14.3f %8.2f\n", static_cast<long long>(bytes), 1e3 * median(theirs),
        1e3 * median(ours), median(ours) / median(theirs));
  }
}

void Bench::measure_reducer() {
  torch::Tensor buffer = torch::zeros({bytes_ / 4});
  std::vector<double> whole, pieces, travelled, in_all;
  for (std::int64_t round = 0; round < options_.rounds; ++round) {
    whole.push_back(slowest([&] { raw(buffer, bytes_); }));
    pieces.push_back(slowest([&] { raw(buffer, options_.reducer.bucket_mib << 20); }));
    reducer_->begin();
    reducer_->arm({});
    in_all.push_back(slowest([&] { reduce(); }));
    travelled.push_back(largest(travelled_));
  }
  say("reducer: %zu tensors, %.1f MB: raw in one call %.2f ms, raw in pieces of %lld MiB %.2f ms; "
      "buckets posted to averaged %.2f ms (%.2f and %.2f times), with the check for non-finite "
      "ones %.2f ms\n",
      parameters_.size(), static_cast<double>(bytes_) / 1e6, 1e3 * median(whole),
      static_cast<long long>(options_.reducer.bucket_mib), 1e3 * median(pieces),
      1e3 * median(travelled), median(travelled) / median(whole),
      median(travelled) / median(pieces), 1e3 * median(in_all));
}

/// Matrix products that take about so long; the same number on every rank.
std::int64_t Bench::products_for(double seconds) {
  constexpr std::int64_t kTrial = 200;
  const double one = slowest([&] { compute(kTrial); }) / kTrial;
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds / one));
}

void Bench::measure_overlap() {
  std::vector<double> alone, apart, both, computed, travelled;
  reducer_->begin();
  reducer_->arm({});
  apart.push_back(slowest([&] { reduce(); }));
  compute(100);
  const std::int64_t products = products_for(options_.compute_share * largest(travelled_));
  for (std::int64_t round = 0; round < options_.rounds; ++round) {
    alone.push_back(slowest([&] { compute(products); }));
    reducer_->begin();
    reducer_->arm({});
    apart.push_back(slowest([&] { reduce(); }));
    travelled.push_back(largest(travelled_));
    reducer_->begin();
    reducer_->arm({});
    double computing = 0;
    both.push_back(slowest([&] {
      reducer_->flush();
      const Clock::time_point begin = Clock::now();
      compute(products);
      computing = seconds_between(begin, Clock::now());
      reducer_->finish();
    }));
    computed.push_back(largest(computing));
  }
  const double hidden = median(alone) + median(apart) - median(both);
  say("overlap: computing alone %.1f ms, reduction alone %.1f ms (%.0f %%), both at once %.1f ms: "
      "%.0f %% of the reduction hidden; the computing itself took %.1f %% longer\n",
      1e3 * median(alone), 1e3 * median(travelled), 100 * median(travelled) / median(alone),
      1e3 * median(both), 100 * hidden / median(travelled),
      100 * (median(computed) / median(alone) - 1));
}

void Bench::run() {
  at::set_num_threads(1);
  say("%d rank(s), %d on this host, one computing thread each\n", host_.size(), host_.local_size());
  measure_sizes();
  if (options_.quick) return;
  measure_reducer();
  measure_overlap();
}

ExitCode bench_main(const Arguments& arguments, comm::Communicator& host) {
  BenchOptions options;
  const OptionSet set([&](OptionVisitor& visitor) { options.visit(visitor); });
  if (wants_help(arguments)) {
    if (host.rank() == 0) std::fputs(set.help().c_str(), stdout);
    return ExitCode::ok;
  }
  set.assign(set.parse_command_line(arguments));
  options.reducer.validate();
  if (host.name() != "mpi") {
    throw ConfigError("allreduce-bench was started alone: expected mpirun -np 2 or more");
  }
  Bench(options, host).run();
  return ExitCode::ok;
}

}  // namespace
}  // namespace pgan::apps

int main(int argc, char** argv) {
  pgan::apps::run_parallel("allreduce-bench", argc, argv, pgan::apps::bench_main);
}
