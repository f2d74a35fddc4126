#include "data/batch_buffers.h"

#include <optional>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace pgan::data {
namespace {

/// 48 MiB: more than malloc keeps for itself, so that fresh memory is zeros.
constexpr std::int64_t kMany = 12 << 20;

TEST(BatchBuffers, UsesMemoryAgainOnlyWhenNobodyHoldsIt) {
  BatchBuffers buffers(2);
  torch::Tensor first = buffers.make({2, kMany / 2}).fill_(7);
  torch::Tensor view = first[1].slice(0, 1, 2);
  first.reset();
  buffers.make({kMany}).fill_(8);
  EXPECT_EQ(view.item<float>(), 7.0f);
  EXPECT_EQ(buffers.make({4, kMany / 4})[3][0].item<float>(), 8.0f) << "fresh memory";
}

TEST(BatchBuffers, KeepsNoMoreThanItsSpares) {
  BatchBuffers buffers(1);
  torch::Tensor a = buffers.make({kMany}).fill_(7), b = buffers.make({kMany}).fill_(8);
  a.reset();
  b.reset();
  a = buffers.make({kMany});
  b = buffers.make({kMany});
  EXPECT_EQ(a[9].item<float>(), 7.0f);
  EXPECT_EQ(b[9].item<float>(), 0.0f);
}

TEST(BatchBuffers, MakesWhatWasAskedFor) {
  BatchBuffers buffers(2);
  buffers.make({2, 3, 8, 8}).fill_(5);
  for (const std::int64_t side : {8, 4, 16}) {
    const torch::Tensor made = buffers.make({2, 3, side, side});
    EXPECT_EQ(made.sizes(), (torch::IntArrayRef{2, 3, side, side}));
    EXPECT_EQ(made.scalar_type(), torch::kFloat32);
    EXPECT_TRUE(made.is_contiguous());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(made.const_data_ptr<float>()) % 64, 0);
    made.fill_(1);
    EXPECT_EQ(made.sum().item<float>(), static_cast<float>(made.numel()));
  }
}

TEST(BatchBuffers, KeepsNoMemoryOfAnotherSize) {
  BatchBuffers buffers(2);
  torch::Tensor small = buffers.make({1, 3, 4, 4});
  const void* large = buffers.make({1, 3, 8, 8}).const_data_ptr<float>();
  small.reset();
  EXPECT_EQ(buffers.make({1, 3, 8, 8}).const_data_ptr<float>(), large);
}

TEST(BatchBuffers, GivesNoMemoryOfAnotherSize) {
  BatchBuffers buffers(2);
  torch::Tensor small = buffers.make({1, 3, 4, 4});
  const void* place = small.const_data_ptr<float>();
  small.reset();
  EXPECT_NE(buffers.make({kMany}).const_data_ptr<float>(), place);
}

TEST(BatchBuffers, TensorsOutliveIt) {
  std::optional<BatchBuffers> buffers(std::in_place, 1);
  torch::Tensor tensor = buffers->make({4}).fill_(3);
  buffers.reset();
  EXPECT_EQ(tensor.sum().item<float>(), 12.0f);
  tensor.reset();
}

}  // namespace
}  // namespace pgan::data
