// What every model must hold to, over the whole table of them and the one of
// docs/adding-a-model.md.
#include <set>

#include <gmock/gmock.h>

#include "data/statistics.h"
#include "models/example_model.h"
#include "trainer_fixture.h"

namespace pgan::train {
namespace {

constexpr std::int64_t kResolution = 16;

/// Option values that make a model small.
struct Tiny {
  OptionValues options;
  OptionValues two_sets = {};  ///< in addition, on two data sets
};

const std::map<std::string, Tiny> kTiny = {
    {"progressive", {{{"fmap-base", "64"}, {"fmap-max", "8"}, {"latent", "8"}}}},
    {"stargan",
     {{{"attributes", "Male,Black_Hair,Blond_Hair"},
       {"generator-width", "4"},
       {"discriminator-width", "4"},
       {"residual-blocks", "1"},
       {"discriminator-layers", "2"},
       {"n-critic", "2"}},
      {{"attributes", "Male,Black_Hair,Blond_Hair\nSmiling,Eyeglasses"}}}},
    {"classifier",
     {{{"attributes", "Male,Black_Hair,Blond_Hair"}, {"classifier-width", "8"}},
      {{"attributes", "Male,Black_Hair,Blond_Hair\nSmiling,Eyeglasses"}}}},
    {"denoiser", {{{"denoiser-width", "4"}}}},
};

std::vector<models::RecipeEntry> table() {
  std::vector<models::RecipeEntry> entries(models::recipes().begin(), models::recipes().end());
  entries.push_back({"denoiser", "the example of the documentation", models::denoiser_options});
  return entries;
}

std::vector<models::DataFacts> facts_of(const Packs& packs) {
  std::vector<models::DataFacts> facts;
  for (const auto& pack : packs) {
    models::DataFacts& data = facts.emplace_back(models::DataFacts{pack->info().name});
    const auto statistics = data::label_statistics(*pack);
    for (std::size_t i = 0; i < statistics.size(); ++i) {
      data.labels.push_back({pack->info().label_names[i], statistics[i].mean, statistics[i].low,
                             statistics[i].high, statistics[i].binary});
    }
  }
  return facts;
}

class Recipes : public ::testing::TestWithParam<models::RecipeEntry> {
 protected:
  static void SetUpTestSuite() {
    folders_ = std::make_unique<std::array<data::TempFolder, 2>>();
    packs_ = {data::synth_pack((*folders_)[0], 40, kResolution),
              data::synth_pack((*folders_)[1], 30, kResolution)};
  }
  static void TearDownTestSuite() {
    packs_.clear();
    folders_.reset();
  }
  void SetUp() override {
    at::set_num_threads(1);
    const std::string name(GetParam().name);
    ASSERT_TRUE(kTiny.contains(name))
        << "add {\"" << name
        << "\", {option values for layers of 4 to 8 channels at 16 pixels}} to kTiny in "
           "tests/train/recipes_test.cpp, with values for two data sets where it takes several";
    takes_several_ = options({})->most_data_sets() > 1;
  }

  static std::unique_ptr<models::RecipeOptions> options(const OptionValues& values) {
    auto options = GetParam().options();
    OptionSet([&](OptionVisitor& v) { options->visit(v); }).assign(values);
    options->validate();
    return options;
  }
  static Packs packs(std::size_t sets) {
    return {packs_.begin(), packs_.begin() + static_cast<std::ptrdiff_t>(sets)};
  }
  static std::unique_ptr<models::Recipe> make(torch::Dtype dtype, std::size_t sets = 1) {
    const Tiny& tiny = kTiny.at(std::string(GetParam().name));
    OptionValues values = tiny.options;
    for (const auto& [name, value] : sets > 1 ? tiny.two_sets : OptionValues())
      values[name] = value;
    return options(values)->make(
        {3, schedule().resolution, dtype, torch::kCPU, {}, facts_of(packs(sets))});
  }
  /// At the model's own learning rate. Models that grow do so within ten steps.
  static ScheduleOptions schedule() {
    ScheduleOptions options = short_schedule();
    const auto model = GetParam().options();
    options.grows = model->grows();
    if (const auto own = model->defaults(); own.contains("learning-rate"))
      options.learning_rate = own.at("learning-rate");
    if (!options.grows) options.resolution = options.start_resolution = kResolution;
    return options;
  }
  /// Ten steps, measuring in the last; of setup.run where that is named.
  Result train(int ranks, torch::Dtype dtype, std::size_t sets = 1, RunSetup setup = {},
               Observer* observer = nullptr) {
    setup.dtype = dtype;
    setup.schedule = schedule();
    setup.metrics_kimg = 0.160;
    if (setup.run.empty()) setup.run = new_run();
    Result result;
    tests::ThreadRanks(ranks).run([&](comm::Communicator& host) {
      const auto recipe = make(dtype, sets);
      Result own = train_rank(host, setup, packs(sets), *recipe, observer);
      if (host.rank() == 0) result = std::move(own);
    });
    return result;
  }
  /// What training changes of a run's state.
  static TensorMap weights_of(const Result& result) {
    TensorMap weights;
    for (const auto& [set, parameters] : make(torch::kFloat32)->parameter_sets()) {
      for (const auto& [name, tensor] : result.state)
        if (name.starts_with(set + "/")) weights[name] = tensor;
    }
    return weights;
  }
  static double norm(const TensorMap& weights, const TensorMap* minus = nullptr) {
    double sum = 0;
    for (const auto& [name, tensor] : weights) {
      const torch::Tensor value = minus == nullptr ? tensor : tensor - minus->at(name);
      sum += value.to(torch::kFloat64).square().sum().item<double>();
    }
    return std::sqrt(sum);
  }
  void expect_same_on(std::initializer_list<int> rank_counts, std::size_t sets) {
    Heard alone;
    const Result one = train(1, torch::kFloat64, sets, {}, &alone);
    for (const int ranks : rank_counts) {
      Heard heard;
      const Result many = train(ranks, torch::kFloat64, sets, {}, &heard);
      for (const auto& [name, tensor] : one.state) {
        const double apart =
            largest_relative_difference({{name, tensor}}, {{name, many.state.at(name)}});
        EXPECT_LT(apart, 1e-10) << name << " on " << ranks << " ranks";
      }
      expect_same_losses(alone.ticks.back(), heard.ticks.back());
    }
  }
  /// Losses and measures on held-out pictures.
  static void expect_same_losses(const TickInfo& one, const TickInfo& many) {
    EXPECT_EQ(one.losses.size(), many.losses.size());
    for (const auto& [name, value] : one.losses)
      EXPECT_NEAR(many.losses.at(name), value, 1e-7 * std::max(1.0, std::abs(value))) << name;
  }
  void expect_exact_resume(std::size_t sets) {
    const Result whole = train(2, torch::kFloat32, sets);
    RunSetup stopped;
    stopped.run = new_run();
    stopped.max_steps = 5;
    train(2, torch::kFloat32, sets, stopped);
    stopped.max_steps = 10;
    stopped.resume = true;
    const Result resumed = train(2, torch::kFloat32, sets, stopped);
    ASSERT_EQ(resumed.state.size(), whole.state.size());
    for (const auto& [name, tensor] : whole.state)
      EXPECT_TRUE(torch::equal(tensor, resumed.state.at(name))) << name;
  }
  /// Some pictures with their labels, as the trainer hands them over.
  static Batch some_reals() {
    std::vector<torch::Tensor> images;
    for (std::int64_t i = 0; i < 6; ++i)
      images.push_back(packs_[0]->image(i, schedule().resolution).to(torch::kFloat32));
    Batch batch;
    batch.data["images"] = torch::stack(images) / 127.5 - 1;
    batch.labels = batch.global_labels = packs_[0]->labels().slice(0, 0, 6);
    batch.rows = {{0, 1, 2, 3, 4, 5}, 6};
    return batch;
  }

  static std::filesystem::path new_run() {
    return (*folders_)[0] / ("run" + std::to_string(runs_++));
  }

  bool takes_several_ = false;

 private:
  static inline std::unique_ptr<std::array<data::TempFolder, 2>> folders_;
  static inline Packs packs_;
  static inline int runs_ = 0;
};

TEST_P(Recipes, WeightsAndMeasuresAreTheSameOn1And2And4Ranks) {
  expect_same_on({2, 4}, 1);
}

TEST_P(Recipes, Fp32WeightsAreNearlyTheSameOn1And2And4Ranks) {
  const TensorMap one = weights_of(train(1, torch::kFloat32));
  ASSERT_GT(norm(one), 0);
  for (const int ranks : {2, 4}) {
    const TensorMap many = weights_of(train(ranks, torch::kFloat32));
    EXPECT_LT(norm(one, &many) / norm(one), 1e-3) << ranks << " ranks";
  }
}

TEST_P(Recipes, TwoDataSetsGiveTheSameOn1And2Ranks) {
  if (!takes_several_) GTEST_SKIP() << "the model takes one data set";
  expect_same_on({2}, 2);
}

TEST_P(Recipes, StoppedAndResumedEqualsNeverStoppedBitForBit) {
  expect_exact_resume(1);
  if (takes_several_) expect_exact_resume(2);
}

/// Only rank 0 reports, so its counters are not the others': what is collective must not go by
/// them.
TEST_P(Recipes, ARunThatEndsAtAReportOrIsDoneAlreadyLeavesNoRankWaiting) {
  RunSetup setup;
  setup.run = new_run();
  setup.max_steps = 1;  // the first step is always reported
  Heard heard;
  EXPECT_EQ(train(2, torch::kFloat32, 1, setup, &heard).progress.step, 1);
  EXPECT_EQ(heard.ticks.size(), 1);
  setup.resume = true;
  EXPECT_EQ(train(2, torch::kFloat32, 1, setup, &heard).progress.step, 1);
}

TEST_P(Recipes, MeasuresAreOfEachPictureAndAreLogged) {
  const auto recipe = make(torch::kFloat32);
  recipe->grow({schedule().resolution, 1.0});
  const Batch reals = some_reals();
  Noise noise(3, 0, "metrics", reals.rows);
  Heard heard;
  train(1, torch::kFloat32, 1, {}, &heard);
  for (const auto& [name, values] : recipe->evaluate(reals, {schedule().resolution, 1.0}, noise)) {
    EXPECT_EQ(values.sizes(), (std::vector<std::int64_t>{6})) << name;
    EXPECT_TRUE(heard.ticks.back().losses.contains(name)) << name;
  }
}

TEST_P(Recipes, SamplesArePicturesThatFillTheirSheet) {
  const auto recipe = make(torch::kFloat32);
  const Growth growth{schedule().resolution, 1.0};
  recipe->grow(growth);
  const Batch reals = some_reals();
  Noise noise(3, 0, "preview", reals.rows);
  const torch::Tensor samples = recipe->sample(recipe->sample_inputs(noise, reals), growth);
  if (!samples.defined()) GTEST_SKIP() << "the model makes no pictures";
  EXPECT_FALSE(samples.requires_grad());
  ASSERT_EQ(samples.dim(), 4);
  EXPECT_GT(samples.size(0), 0);
  EXPECT_EQ(samples.sizes().slice(1),
            (std::vector<std::int64_t>{3, growth.resolution, growth.resolution}));
  EXPECT_TRUE(samples.isfinite().all().item<bool>());
  const models::SampleLayout layout = recipe->sample_layout();
  if (layout.columns > 0) {
    EXPECT_EQ(samples.size(0) % layout.columns, 0);
    EXPECT_LE(std::ssize(layout.headings), layout.columns);
  }
}

/// What pgan-sample, pgan-eval and --init-from rely on.
TEST_P(Recipes, ItsArchitectureMakesTheSameNetworksWithoutTheData) {
  const auto shapes_of = [](models::Recipe& recipe) {
    recipe.grow({schedule().resolution, 1.0});
    std::map<std::string, std::vector<std::int64_t>> shapes;
    for (const auto& [name, network] : recipe.networks()) {
      for (const auto& item : network->named_parameters())
        shapes[name + "/" + item.key()] = item.value().sizes().vec();
    }
    return shapes;
  };
  for (const std::size_t sets : {1u, 2u}) {
    if (sets == 2 && !takes_several_) continue;
    const auto recipe = make(torch::kFloat32, sets);
    const auto found = options({})->values_from(recipe->architecture());
    const auto again = options({found.begin(), found.end()})
                           ->make({3, schedule().resolution, torch::kFloat32, torch::kCPU});
    EXPECT_EQ(shapes_of(*recipe), shapes_of(*again));
    EXPECT_EQ(recipe->architecture().empty(), false);
  }
  EXPECT_THROW(options({})->values_from(R"({"model":"another"})"), ConfigError);
  EXPECT_THROW(options({})->values_from("{"), ConfigError);
}

INSTANTIATE_TEST_SUITE_P(All, Recipes, ::testing::ValuesIn(table()),
                         [](const auto& entry) { return std::string(entry.param.name); });

}  // namespace
}  // namespace pgan::train
