// The model of docs/adding-a-model.md learns what it is for.
#include "models/example_model.h"

#include "trainer_fixture.h"

namespace pgan::train {
namespace {

TEST_F(TrainerTest, TheExampleModelsLossFalls) {
  const auto options = models::denoiser_options();
  RunSetup setup{torch::kFloat32, 60, folder_ / "denoiser"};
  setup.schedule.grows = false;
  setup.schedule.start_resolution = 8;
  Heard heard;
  tests::ThreadRanks(1).run([&](comm::Communicator& host) {
    const auto recipe = options->make({3, 8, torch::kFloat32, torch::kCPU});
    train_rank(host, setup, pack_, *recipe, &heard);
  });
  const double first = heard.ticks.at(1).losses.at("loss");
  const double last = heard.ticks.back().losses.at("loss");
  EXPECT_LT(last, 0.7 * first) << "from " << first;
}

}  // namespace
}  // namespace pgan::train
