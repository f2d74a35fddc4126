#include "checkpoint/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace pgan::checkpoint {
namespace {

using ::testing::HasSubstr;

class WeightsTest : public CheckpointTest {
 protected:
  std::string failure_of(const Metadata& metadata) {
    write_safetensors(folder_ / "bad.safetensors", {{"w", torch::ones({2})}}, metadata);
    try {
      read_weights(folder_ / "bad.safetensors");
    } catch (const CheckpointError& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(WeightsTest, OfACheckpointAreItsNetworksAlone) {
  save_run(folder_, 2, {64});
  const Weights weights = read_weights(folder_);
  EXPECT_EQ(weights.recipe, "progressive");
  EXPECT_EQ(weights.images, 64);
  EXPECT_EQ(weights.growth.resolution, 16);
  const TensorMap state = make_state(64);
  EXPECT_FALSE(weights.tensors.contains("adam.G/step"));
  EXPECT_FALSE(weights.tensors.contains("preview/images"));
  EXPECT_TRUE(torch::equal(weights.tensors.at("G_ema/a.weight"), state.at("G_ema/a.weight")));
}

TEST_F(WeightsTest, AnExportedFileTellsTheSameOnEveryRank) {
  save_run(folder_, 2, {64});
  const Weights before = read_weights(folder_);
  write_safetensors(folder_ / "all.safetensors", before.tensors, export_metadata(before, ""));
  write_safetensors(folder_ / "g.safetensors", {{"a.weight", before.tensors.at("G/a.weight")}},
                    export_metadata(before, "G"));
  tests::ThreadRanks(3).run([&](comm::Communicator& host) {
    const Weights all = read_weights(folder_ / "all.safetensors", host);
    expect_equal(all.tensors, before.tensors);
    EXPECT_EQ(all.architecture, before.architecture);
    EXPECT_EQ(all.growth, before.growth);
    EXPECT_EQ(all.images, 64);
    const Weights one = read_weights(folder_ / "g.safetensors", host);
    expect_equal(one.tensors, {{"G/a.weight", before.tensors.at("G/a.weight")}});
  });
}

TEST_F(WeightsTest, FilesFromElsewhereAreRefused) {
  EXPECT_THAT(failure_of({}), HasSubstr("no architecture in its metadata"));
  const auto with = [](const std::string& architecture) {
    return Metadata{{"architecture", architecture}, {"images", "0"}, {"network", "G"}};
  };
  EXPECT_THAT(failure_of(with("no JSON")), HasSubstr("not valid JSON"));
  EXPECT_THAT(failure_of(with("{}")), HasSubstr("no \"recipe\""));
  EXPECT_THAT(failure_of(with(R"({"recipe":"x","resolution":6,"alpha":1})")),
              HasSubstr("power of two"));
  EXPECT_THAT(failure_of(with(R"({"recipe":"x","resolution":8,"alpha":2})")), HasSubstr("alpha"));
  const auto errors = tests::ThreadRanks(2).run_all(
      [&](comm::Communicator& host) { read_weights(folder_ / "none.safetensors", host); });
  for (const auto& error : errors) EXPECT_TRUE(error);
}

}  // namespace
}  // namespace pgan::checkpoint
