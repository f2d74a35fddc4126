// Law 2 with the real programs over real MPI: the rank count is not part of the experiment.
#include <cmath>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "checkpoint/load.h"
#include "programs.h"

namespace pgan {
namespace {
using namespace tests;

/// Ten steps that grow 4 -> 8: the fade begins after 48 images and ends at 112.
std::string train_command(const std::string& pack, const std::string& run,
                          const std::string& precision) {
  return program("pgan-train") + " --data " + pack + " --run " + run + " --precision " + precision +
         " --fmap-base 64 --fmap-max 8 --latent 8 --minibatch 16 --stable-kimg 0.048 --fade-kimg "
         "0.064"
         " --total-kimg 1 --max-steps 10 --seed 5 --threads 1 --progress none";
}

TensorMap weights_after(const std::string& command, const std::string& run) {
  const Outcome outcome = run_command(command);
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  const checkpoint::Found found = checkpoint::open_newest(run);
  EXPECT_EQ(found.manifest.progress, (Progress{10, 160}));
  EXPECT_EQ(found.manifest.growth.resolution, 8);
  return checkpoint::read_tensors(found);
}

TEST(SameTraining, Fp64WeightsAgreeTo1e10On1And2And4Ranks) {
  ScratchFolder folder;
  const std::string pack = make_pack(folder);
  const TensorMap one = weights_after(train_command(pack, folder / "one", "fp64"), folder / "one");
  for (const int ranks : {2, 4}) {
    const std::string run = folder / ("ranks" + std::to_string(ranks));
    const TensorMap many = weights_after(mpirun(ranks) + train_command(pack, run, "fp64"), run);
    ASSERT_EQ(one.size(), many.size());
    double worst = 0;
    for (const auto& [name, tensor] : one) {
      const double scale = std::max(tensor.to(torch::kFloat64).abs().max().item<double>(), 1e-30);
      worst = std::max(
          worst, (tensor - many.at(name)).to(torch::kFloat64).abs().max().item<double>() / scale);
    }
    EXPECT_LT(worst, 1e-10) << ranks << " ranks";
    RecordProperty("worst_fp64_" + std::to_string(ranks), std::to_string(worst * 1e12) + "e-12");
  }
}

TEST(SameTraining, Fp32WeightsAgreeTo1e3InTheL2Norm) {
  ScratchFolder folder;
  const std::string pack = make_pack(folder);
  const TensorMap one = weights_after(train_command(pack, folder / "one", "fp32"), folder / "one");
  for (const int ranks : {2, 4}) {
    const std::string run = folder / ("ranks" + std::to_string(ranks));
    const TensorMap many = weights_after(mpirun(ranks) + train_command(pack, run, "fp32"), run);
    double difference = 0, norm = 0;
    for (const auto& [name, tensor] : one) {
      if (!name.starts_with("G/") && !name.starts_with("D/")) continue;
      difference += (tensor - many.at(name)).square().sum().item<double>();
      norm += tensor.square().sum().item<double>();
    }
    EXPECT_LT(std::sqrt(difference / norm), 1e-3) << ranks << " ranks";
    RecordProperty("l2_fp32_" + std::to_string(ranks),
                   std::to_string(std::sqrt(difference / norm) * 1e6) + "e-6");
  }
}

}  // namespace
}  // namespace pgan
