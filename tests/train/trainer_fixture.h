#pragma once
#include <cmath>
#include <functional>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "checkpoint/load.h"
#include "comm_threads.h"
#include "core/option_set.h"
#include "core/rows.h"
#include "data/alternating_loader.h"
#include "data/fixtures.h"
#include "data/held_out.h"
#include "data/loader.h"
#include "models/recipe.h"
#include "train/trainer.h"

namespace pgan::train {
namespace fs = std::filesystem;

inline ScheduleOptions short_schedule() {
  ScheduleOptions options;
  options.resolution = 8;
  options.minibatch = "16";
  options.stable_kimg = 0.048;
  options.fade_kimg = 0.064;
  options.total_kimg = 10;
  return options;
}

/// A small Progressive GAN that grows 4 -> 8 within ten steps: images 0-48 at 4, fade until 112.
struct RunSetup {
  torch::Dtype dtype = torch::kFloat32;
  std::int64_t max_steps = 10;
  fs::path run = {};
  bool resume = false;
  double checkpoint_kimg = 0, tick_kimg = 0.048;  ///< three steps
  TensorMap start_from = {};
  std::string on_nonfinite = "skip", trace = {};
  std::int64_t replica_check_steps = 3, rollbacks = 0;
  ScheduleOptions schedule = short_schedule();
  double metrics_kimg = 0;
};

class Heard : public Observer {
 public:
  void on_tick(const TickInfo& tick) override { ticks.push_back(tick); }
  std::int64_t last_tick_step() const override { return earlier_tick; }
  void on_growth(const Progress&, const Growth&) override { ++growths; }
  void on_sample(const Progress&, const Growth&, const torch::Tensor& images,
                 const models::SampleLayout&, bool) override {
    samples.push_back(images);
  }
  void on_trace(std::int64_t, std::int64_t, const std::string& json) override { trace = json; }
  std::vector<TickInfo> ticks;
  std::string trace;
  std::vector<torch::Tensor> samples;
  int growths = 0;
  std::int64_t earlier_tick = -1;
};

using Packs = std::vector<std::shared_ptr<const data::Pack>>;

inline std::unique_ptr<models::Recipe> small_progressive(torch::Dtype dtype) {
  const auto options = models::find_recipe("progressive").options();
  OptionSet([&](OptionVisitor& v) {
    options->visit(v);
  }).assign({{"fmap-base", "64"}, {"fmap-max", "8"}, {"latent", "8"}});
  return options->make({3, 8, dtype, torch::kCPU});
}

/// The small model with its losses interfered with.
class Wrapped : public models::Recipe {
 public:
  explicit Wrapped(std::unique_ptr<models::Recipe> inner) : inner_(std::move(inner)) {}
  std::function<bool(std::int64_t call)> spoil;  ///< which losses become NaN, counted from 0
  std::function<void(models::Step&)> before_loss;
  std::string forgets;  ///< the set whose updates it does not ask for

  std::map<std::string, std::shared_ptr<torch::nn::Module>> networks() override {
    return inner_->networks();
  }
  std::map<std::string, models::NamedParameters> parameter_sets() override {
    return inner_->parameter_sets();
  }
  std::vector<std::string> averaged_sets() const override { return inner_->averaged_sets(); }
  std::vector<models::Phase> phases() const override { return inner_->phases(); }
  std::int64_t group_size() const override { return inner_->group_size(); }
  bool grow(const Growth& growth) override { return inner_->grow(growth); }
  TensorMap sample_inputs(Noise& noise, const Batch& reals) override {
    return inner_->sample_inputs(noise, reals);
  }
  torch::Tensor sample(const TensorMap& inputs, const Growth& growth) override {
    return inner_->sample(inputs, growth);
  }
  std::string architecture() const override { return inner_->architecture(); }
  models::LossTerms loss(const models::Phase& phase, const Batch& real, const Growth& growth,
                         Noise& noise, models::Step& step) override {
    if (before_loss) before_loss(step);
    Deaf deaf(step, forgets);
    models::LossTerms terms = inner_->loss(phase, real, growth, noise, deaf);
    if (spoil && spoil(calls_++)) terms.total = terms.total * NAN;
    return terms;
  }

 private:
  class Deaf : public models::Step {
   public:
    Deaf(models::Step& step, const std::string& forgets) : step_(step), forgets_(forgets) {}
    void ready(std::string_view set) override {
      if (set != forgets_) step_.ready(set);
    }
    void backward(const torch::Tensor& term) override { step_.backward(term); }

   private:
    models::Step& step_;
    const std::string& forgets_;
  };

  std::unique_ptr<models::Recipe> inner_;
  std::int64_t calls_ = 0;
};

struct Result {
  TensorMap state, gradients;
  Progress progress;
};

inline std::unique_ptr<data::BatchSource> loading(const Packs& packs, const Schedule& schedule,
                                                  const RowShare& rows) {
  const auto plan = [&schedule, rows](const Progress& before) {
    return data::StepPlan{schedule.growth_at(before.images), rows};
  };
  std::vector<std::unique_ptr<data::Loader>> loaders;
  for (const auto& pack : packs) {
    const std::uint64_t seed = data::seed_of_set(3, std::ssize(loaders));
    loaders.push_back(std::make_unique<data::Loader>(pack,
                                                     data::make_streams(pack->info(), seed, true),
                                                     plan, data::LoaderOptions{}, seed, true));
  }
  return std::make_unique<data::AlternatingLoader>(std::move(loaders), rows.global);
}

/// One rank's run, on data sets in turn. Collective.
inline Result train_rank(comm::Communicator& host, const RunSetup& setup, const Packs& packs,
                         models::Recipe& recipe, Observer* observer = nullptr) {
  const Schedule schedule(setup.schedule);
  const std::int64_t resolution = schedule.final_resolution();
  const auto loader = loading(packs, schedule,
                              share_rows(schedule.minibatch_at(schedule.growth_at(0)),
                                         recipe.group_size(), host.rank(), host.size()));
  std::vector<torch::Tensor> previews;
  for (std::int64_t i = 0; i < 4; ++i) previews.push_back(packs[0]->image(i, resolution));
  std::vector<data::HeldOut> held_out;
  std::vector<std::string> reports;
  for (const auto& pack : packs)
    held_out.push_back(
        data::read_held_out(*pack, resolution, 64, host.rank(), host.size(), reports));
  checkpoint::Store store(setup.run, host, {.keep_last = 0});
  TrainOptions options;
  options.seed = 3;
  options.max_steps = setup.max_steps;
  options.checkpoint_kimg = setup.checkpoint_kimg;
  options.tick_kimg = setup.tick_kimg;
  options.on_nonfinite = setup.on_nonfinite;
  options.trace = setup.trace;
  options.metrics_kimg = setup.metrics_kimg;
  options.replica_check_steps = setup.replica_check_steps;
  checkpoint::Manifest manifest;
  manifest.recipe = "progressive";
  Trainer trainer(options, {.host = host,
                            .device = host,
                            .recipe = recipe,
                            .schedule = schedule,
                            .loader = *loader,
                            .store = store,
                            .observer = host.rank() == 0 ? observer : nullptr,
                            .stop_requested = {},
                            .manifest = manifest,
                            .dtype = setup.dtype,
                            .model_device = torch::kCPU,
                            .preview_reals = torch::stack(previews).to(torch::kUInt8),
                            .preview_labels = packs[0]->labels().slice(0, 0, 4),
                            .data_sets = std::ssize(packs),
                            .held_out = held_out,
                            .reducer = {},
                            .rollbacks = setup.rollbacks});
  if (setup.resume) trainer.resume(*checkpoint::find_newest(setup.run, host), true);
  if (!setup.start_from.empty()) trainer.start_from(setup.start_from);
  trainer.run();
  Result result;
  for (const auto& [name, tensor] : trainer.state()) result.state[name] = tensor.detach().clone();
  for (const auto& [set, parameters] : recipe.parameter_sets()) {
    for (const auto& [name, parameter] : parameters) {
      if (parameter.grad().defined()) result.gradients[set + "/" + name] = parameter.grad().clone();
    }
  }
  result.progress = trainer.progress();
  return result;
}

inline Result train_rank(comm::Communicator& host, const RunSetup& setup,
                         const std::shared_ptr<const data::Pack>& pack, models::Recipe& recipe,
                         Observer* observer = nullptr) {
  return train_rank(host, setup, Packs{pack}, recipe, observer);
}

class TrainerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    at::set_num_threads(1);
    pack_ = data::synth_pack(folder_, 40, 8);
  }
  Result train(int ranks, RunSetup setup, Observer* observer = nullptr) {
    if (setup.run.empty()) setup.run = folder_ / ("run" + std::to_string(runs_++));
    Result result;
    tests::ThreadRanks(ranks).run([&](comm::Communicator& host) {
      const auto recipe = small_progressive(setup.dtype);
      Result own = train_rank(host, setup, pack_, *recipe, observer);
      if (host.rank() == 0) result = std::move(own);
    });
    return result;
  }
  data::TempFolder folder_;
  std::shared_ptr<const data::Pack> pack_;
  int runs_ = 0;
};

inline double largest_relative_difference(const TensorMap& a, const TensorMap& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  for (const auto& [name, tensor] : a) {
    const torch::Tensor other = b.at(name).to(torch::kFloat64), mine = tensor.to(torch::kFloat64);
    if (mine.numel() == 0) continue;
    const double scale = std::max(mine.abs().max().item<double>(), 1e-30);
    worst = std::max(worst, (mine - other).abs().max().item<double>() / scale);
  }
  return worst;
}

inline double weights_norm(const TensorMap& state, const TensorMap* minus = nullptr) {
  double sum = 0;
  for (const auto& [name, tensor] : state) {
    if (!name.starts_with("G/") && !name.starts_with("D/")) continue;
    const torch::Tensor value = minus == nullptr ? tensor : tensor - minus->at(name);
    sum += value.to(torch::kFloat64).square().sum().item<double>();
  }
  return std::sqrt(sum);
}

}  // namespace pgan::train
