#include <cstring>
#include <numeric>

#include <gtest/gtest.h>

#include "checkpoint/pieces.h"

namespace pgan::checkpoint {
namespace {

// What a range of a tensor must be, by the plainest means: a full contiguous copy.
std::vector<float> plain(const torch::Tensor& tensor, std::int64_t first, std::int64_t count) {
  const torch::Tensor flat = tensor.contiguous().view(-1).slice(0, first, first + count);
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + count};
}

TEST(Pieces, CopiesEveryRangeOfAStridedTensor) {
  const torch::Tensor tensor = torch::arange(60, torch::kFloat32)
                                   .view({3, 2, 2, 5})
                                   .contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor target = torch::zeros({3, 5, 2, 2}).permute({0, 2, 3, 1});
  for (std::int64_t first = 0; first <= 60; ++first) {
    for (std::int64_t count = 0; first + count <= 60; ++count) {
      std::vector<float> bytes(static_cast<std::size_t>(count));
      copy_out(tensor, first, count, std::as_writable_bytes(std::span(bytes)));
      ASSERT_EQ(bytes, plain(tensor, first, count)) << first << "+" << count;
      target.fill_(-1);
      copy_in(target, first, count, std::as_bytes(std::span(bytes)));
      ASSERT_EQ(plain(target, first, count), bytes) << first << "+" << count;
      ASSERT_EQ(target.eq(-1).sum().item<std::int64_t>(), 60 - count);
    }
  }
}

TEST(Pieces, SharesAreEqualByBytesAndCoverAll) {
  const std::map<std::string, TensorEntry> tensors = {{"a", {torch::kFloat32, {1000, 3}}},
                                                      {"b", {torch::kUInt8, {77}}},
                                                      {"c", {torch::kFloat64, {500}}},
                                                      {"d", {torch::kFloat32, {}}}};
  const std::int64_t total = 12000 + 77 + 4000 + 4;
  for (const int ranks : {1, 2, 3, 7, 100}) {
    std::int64_t sum = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      std::int64_t bytes = 0;
      for (const Piece& piece : plan_share(tensors, rank, ranks))
        bytes += piece_bytes(tensors, piece);
      EXPECT_NEAR(static_cast<double>(bytes), static_cast<double>(total) / ranks, 9);
      sum += bytes;
    }
    EXPECT_EQ(sum, total);
  }
}

TEST(Pieces, ReadersGetEqualPartsInOrder) {
  Manifest manifest;
  manifest.tensors = {{"w", {torch::kUInt8, {1200}}}};
  manifest.shards.resize(1);
  for (int i = 0; i < 12; ++i) manifest.shards[0].pieces.push_back({"w", i * 100, 100, 0});
  EXPECT_EQ(plan_readers(manifest, 4), (std::vector<int>{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3}));
  EXPECT_EQ(plan_readers(manifest, 1), std::vector<int>(12, 0));
}

}  // namespace
}  // namespace pgan::checkpoint
