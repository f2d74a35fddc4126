// Law 2 with the real programs over real MPI: the rank count is not part of the experiment.
#include <cmath>
#include <cstdio>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "checkpoint/load.h"
#include "programs.h"

namespace pgan {
namespace {
using namespace tests;

struct Model {
  const char* name;
  const char* options;  ///< "PACK" stands for the pack's folder
  std::int64_t resolution;
};

/// Ten steps. Progressive GAN grows 4 -> 8 in them: the fade begins after 48 images and ends at
/// 112. StarGAN updates its generator twice for each of two data sets.
constexpr Model kModels[] = {
    {"progressive",
     "--data PACK --fmap-base 64 --fmap-max 8 --latent 8 --stable-kimg 0.048 --fade-kimg 0.064", 8},
    {"stargan",
     "--model stargan --data PACK --attributes Male,Young --data PACK --attributes "
     "Black_Hair,Blond_Hair --resolution 8 --generator-width 8 --discriminator-width 8 "
     "--residual-blocks 1 --discriminator-layers 3 --n-critic 2",
     8},
    {"classifier",
     "--model classifier --data PACK --attributes Male,Young --classifier-width 8 --resolution 8",
     8},
};

class SameTraining : public testing::TestWithParam<Model> {
 protected:
  void SetUp() override { pack_ = make_pack(folder_); }

  TensorMap weights_after(int ranks, const std::string& precision) {
    const std::string run = folder_ / (precision + std::to_string(ranks));
    std::string options = GetParam().options;
    for (std::size_t at = 0; (at = options.find("PACK", at)) != std::string::npos;)
      options.replace(at, 4, pack_);
    const Outcome outcome = run_command(
        (ranks > 1 ? mpirun(ranks) : "") + program("pgan-train") + " " + options + " --run " + run +
        " --precision " + precision +
        " --minibatch 16 --total-kimg 1 --max-steps 10 --seed 5 --threads 1 --progress none");
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    const checkpoint::Found found = checkpoint::open_newest(run);
    EXPECT_EQ(found.manifest.progress, (Progress{10, 160}));
    EXPECT_EQ(found.manifest.growth.resolution, GetParam().resolution);
    return checkpoint::read_tensors(found);
  }

  ScratchFolder folder_;
  std::string pack_;
};

TEST_P(SameTraining, Fp64WeightsAgreeTo1e10On1And2And4Ranks) {
  const TensorMap one = weights_after(1, "fp64");
  for (const int ranks : {2, 4}) {
    const TensorMap many = weights_after(ranks, "fp64");
    ASSERT_EQ(one.size(), many.size());
    double worst = 0;
    for (const auto& [name, tensor] : one) {
      const double scale = std::max(tensor.to(torch::kFloat64).abs().max().item<double>(), 1e-30);
      worst = std::max(
          worst, (tensor - many.at(name)).to(torch::kFloat64).abs().max().item<double>() / scale);
    }
    EXPECT_LT(worst, 1e-10) << ranks << " ranks";
    std::printf("%s, fp64, 1 against %d ranks: %.2g of a tensor's largest\n", GetParam().name,
                ranks, worst);
  }
}

TEST_P(SameTraining, Fp32WeightsAgreeTo1e3InTheL2Norm) {
  const TensorMap one = weights_after(1, "fp32");
  for (const int ranks : {2, 4}) {
    const TensorMap many = weights_after(ranks, "fp32");
    double difference = 0, norm = 0;
    for (const auto& [name, tensor] : one) {
      if (name.find('/') != 1) continue;  // of a network: "G/...", not its average or optimizer
      difference += (tensor - many.at(name)).square().sum().item<double>();
      norm += tensor.square().sum().item<double>();
    }
    EXPECT_LT(std::sqrt(difference / norm), 1e-3) << ranks << " ranks";
    std::printf("%s, fp32, 1 against %d ranks: L2 %.2g\n", GetParam().name, ranks,
                std::sqrt(difference / norm));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SameTraining, testing::ValuesIn(kModels),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace pgan
