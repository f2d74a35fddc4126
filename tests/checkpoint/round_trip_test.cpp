#include <cstdint>
#include <cstring>
#include <string>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "fixture.h"

namespace pgan::checkpoint {
namespace {

namespace fs = std::filesystem;

class RoundTrip : public CheckpointTest,
                  public ::testing::WithParamInterface<std::tuple<int, int>> {};

TEST_P(RoundTrip, IsBitEqualAtAnyRankCount) {
  const auto [writers, readers] = GetParam();
  save_run(folder_, writers, {640});
  const TensorMap expected = make_state(640);
  // Each rank loads into tensors of its own, as replicas do.
  tests::ThreadRanks(readers).run([&](comm::Communicator& host) {
    const auto found = find_newest(folder_, host);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->manifest.ranks, writers);
    EXPECT_EQ(found->manifest.progress, (Progress{10, 640}));
    EXPECT_EQ(found->manifest.growth, (Growth{16, 0.30000000000000004}));
    const TensorMap targets = blank_like(expected);
    load_into(*found, targets, host);
    expect_equal(targets, expected);
    for (const auto& [name, tensor] : expected) {
      if (name == "D/strided") continue;  // empty_like closes its gaps
      EXPECT_EQ(targets.at(name).strides(), tensor.strides()) << name;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, RoundTrip,
                         ::testing::Combine(::testing::Values(1, 2, 3, 4),
                                            ::testing::Values(1, 2, 3, 4)));

using RoundTripOnce = CheckpointTest;

TEST_F(RoundTripOnce, LoadsIntoOtherStrides) {
  save_run(folder_, 2, {64});
  const TensorMap expected = make_state(64);
  TensorMap targets;
  for (const auto& [name, tensor] : expected)
    targets[name] = torch::zeros_like(tensor).contiguous();
  targets["G_ema/a.weight"] =
      torch::zeros({5, 3, 4, 7}).contiguous(torch::MemoryFormat::ChannelsLast);
  targets["G/b.weight"] = torch::zeros({34, 62}).slice(0, 0, 34, 2).slice(1, 0, 62, 2);
  tests::ThreadRanks(1).run(
      [&](comm::Communicator& host) { load_into(*find_newest(folder_, host), targets, host); });
  expect_equal(targets, expected);
}

TEST_F(RoundTripOnce, FillsLeavesThatNeedGradients) {
  tests::ThreadRanks(1).run([&](comm::Communicator& host) {
    const torch::Tensor weight = torch::randn({4, 4}).requires_grad_();
    Store store(folder_, host, {});
    save(store, host, 1, {{"w", weight}});
    const torch::Tensor target = torch::zeros({4, 4}).requires_grad_();
    load_into(*find_newest(folder_, host), {{"w", target}}, host);
    EXPECT_TRUE(torch::equal(target, weight));
    EXPECT_TRUE(target.is_leaf());
  });
}

TEST_F(RoundTripOnce, CutsLongTensorsIntoPiecesAndEqualShares) {
  const torch::Tensor big = torch::arange(9 << 20, torch::kFloat32).view({9, 1 << 20});  // 36 MiB
  tests::ThreadRanks(2).run([&](comm::Communicator& host) {
    Store store(folder_, host, {});
    save(store, host, 1, {{"big", big}, {"small", torch::ones({3}, torch::kUInt8)}});
    const auto found = find_newest(folder_, host);
    ASSERT_TRUE(found);
    const auto& shards = found->manifest.shards;
    EXPECT_LT(std::abs(shards[0].bytes - shards[1].bytes), 1024);
    EXPECT_EQ(shards[0].pieces.size(), 2u);
    const torch::Tensor target = torch::zeros_like(big);
    load_into(*found, {{"big", target}, {"small", torch::zeros({3}, torch::kUInt8)}}, host);
    EXPECT_TRUE(torch::equal(target, big));
  });
}

TEST_F(RoundTripOnce, ManyMoreRanksThanElements) {
  tests::ThreadRanks(8).run([&](comm::Communicator& host) {
    Store store(folder_, host, {});
    save(store, host, 1, {{"w", torch::tensor({1.0F, 2.0F, 3.0F})}});
    const torch::Tensor target = torch::zeros({3});
    load_into(*find_newest(folder_, host), {{"w", target}}, host);
    EXPECT_TRUE(torch::equal(target, torch::tensor({1.0F, 2.0F, 3.0F})));
  });
}

TEST_F(RoundTripOnce, StateMayChangeAsSoonAsItIsCopied) {
  tests::ThreadRanks(2).run([&](comm::Communicator& host) {
    Store store(folder_, host, {});
    const TensorMap state = make_state(5);
    store.begin(make_manifest(5), state);
    store.await_copy();
    store.await_copy();  // nothing to wait for
    for (const auto& [name, tensor] : state) {
      if (tensor.numel() > 0) tensor.zero_();
    }
    store.drain();
    const TensorMap targets = blank_like(state);
    load_into(*find_newest(folder_, host), targets, host);
    expect_equal(targets, make_state(5));
  });
}

TEST_F(RoundTripOnce, ReadsOneNetworkSerially) {
  save_run(folder_, 3, {64});
  const TensorMap all = make_state(64);
  const TensorMap found = read_tensors(open_newest(folder_), "G/");
  expect_equal(found, {{"G/a.weight", all.at("G/a.weight")},
                       {"G/b.weight", all.at("G/b.weight")},
                       {"G/c.bias", all.at("G/c.bias")}});
  expect_equal(read_tensors(open_newest(folder_)), all);
}

TEST_F(RoundTripOnce, RefusesOtherModelsOnEveryRankAndTouchesNothing) {
  save_run(folder_, 2, {64});
  const auto refuses = [&](const std::string& expected, const auto& change) {
    const auto errors = tests::ThreadRanks(3).run_all([&](comm::Communicator& host) {
      TensorMap targets = blank_like(make_state(64));
      change(targets);
      try {
        load_into(*find_newest(folder_, host), targets, host);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::checkpoint);
        EXPECT_THAT(error.what(), ::testing::HasSubstr(expected));
        EXPECT_EQ(targets.at("G/c.bias").sum().item<double>(), 13);
        throw;
      }
    });
    for (const auto& error : errors) EXPECT_TRUE(error);
  };
  refuses("no tensor G/new", [](TensorMap& t) { t["G/new"] = torch::ones({1}); });
  refuses("unexpected tensor D/half", [](TensorMap& t) { t.erase("D/half"); });
  refuses("G/a.weight is F32 [5,3,4,7], expected F32 [5,3,7,4]", [](TensorMap& t) {
    t["G/a.weight"] = torch::ones({5, 3, 7, 4});
  });
  refuses("D/half is BF16 [7,3], expected F32 [7,3]", [](TensorMap& t) {
    t["D/half"] = torch::ones({7, 3});
  });
}

// The shard is read by hand here, so that writer and reader cannot agree on a mistake.
TEST_F(RoundTripOnce, ShardIsPlainSafetensors) {
  tests::ThreadRanks(1).run([&](comm::Communicator& host) {
    Store store(folder_, host, {});
    save(store, host, 7,
         {{"w", torch::tensor({1.5F, -2.0F})}, {"b", torch::tensor(3, torch::kUInt8)}});
  });
  const std::string bytes =
      read_bytes(folder_ / "images-000000000007" / "rank-00000-of-00001.safetensors");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  ASSERT_EQ(length % 8, 0u);
  const std::string header = bytes.substr(8, length);
  EXPECT_EQ(header.substr(0, header.find_last_not_of(' ') + 1),
            R"({"__metadata__":{"format":"pgan"},)"
            R"("w[0:2]":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
            R"("b[0:1]":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}})");
  ASSERT_EQ(bytes.size(), 8 + length + 9);
  float values[2];
  std::memcpy(values, bytes.data() + 8 + length, 8);
  EXPECT_EQ(values[0], 1.5F);
  EXPECT_EQ(values[1], -2.0F);
  EXPECT_EQ(bytes.back(), 3);
}

}  // namespace
}  // namespace pgan::checkpoint
