#pragma once
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <unistd.h>

#include "checkpoint/load.h"
#include "checkpoint/store.h"
#include "comm_threads.h"
#include "core/types.h"

namespace pgan::checkpoint {

/// A folder of its own for each test, removed at its end.
class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest() {
    static std::atomic<int> count{0};
    folder_ = std::filesystem::temp_directory_path() /
              ("pgan-checkpoint-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directories(folder_);
  }
  ~CheckpointTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::filesystem::path folder_;
};

/// Tensors of every kind a state may hold: any strides, dtypes, scalars, empty ones, odd sizes.
inline TensorMap make_state(std::int64_t seed) {
  // A generator of its own: ranks are threads and would share the default one.
  auto random = at::make_generator<at::CPUGeneratorImpl>(static_cast<std::uint64_t>(seed));
  const auto normal = [&](torch::IntArrayRef shape) { return torch::randn(shape, random); };
  const auto whole = [&](std::int64_t high, torch::IntArrayRef shape) {
    return torch::randint(high, shape, random);
  };
  TensorMap state;
  state["G/a.weight"] = normal({5, 3, 4, 7}).contiguous(torch::MemoryFormat::ChannelsLast);
  state["G/b.weight"] = normal({31, 17}).t();
  state["G/c.bias"] = normal({13}).to(torch::kFloat64) * 1.1;
  state["G_ema/a.weight"] = normal({5, 3, 4, 7});
  state["D/half"] = normal({7, 3}).to(torch::kBFloat16);
  state["D/flags"] = whole(2, {9}).to(torch::kBool);
  state["D/empty"] = torch::empty({0, 4});
  state["D/strided"] = normal({6, 10}).slice(1, 0, 10, 3);
  state["adam.G/step"] = torch::tensor((std::int64_t{1} << 40) + seed);
  state["adam.G/ids"] = whole(99, {2, 1, 3}).to(torch::kInt32);
  state["preview/images"] = whole(256, {3, 5}).to(torch::kUInt8);
  return state;
}

/// The same shapes, dtypes and strides, other values.
inline TensorMap blank_like(const TensorMap& state) {
  TensorMap result;
  for (const auto& [name, tensor] : state) {
    const auto format = torch::MemoryFormat::Preserve;
    result[name] = torch::empty_like(tensor, tensor.options(), format);
    if (tensor.numel() > 0) result[name].fill_(1);
  }
  return result;
}

inline void expect_equal(const TensorMap& found, const TensorMap& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(found.at(name), tensor)) << name;
  }
}

inline Manifest make_manifest(std::int64_t images) {
  Manifest manifest;
  manifest.recipe = "progressive";
  manifest.progress = {images / 64, images};
  manifest.growth = {16, 0.30000000000000004};
  manifest.config = {{"seed", "1"}, {"data", "/a folder/\"quoted\""}};
  manifest.extra = {{"architecture", "{\"latent\":512}"}};
  manifest.versions = {{"pgan", "0.1.0"}};
  return manifest;
}

/// What the trainer does: begin, poll until all are synced, commit, drain.
inline void save(Store& store, comm::Communicator& host, std::int64_t images,
                 const TensorMap& state) {
  store.begin(make_manifest(images), state);
  while (store.poll() == Store::Writing::writing) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  host.barrier();
  store.drain();
}

/// A run with checkpoints at the given images, written by `ranks` ranks.
inline void save_run(const std::filesystem::path& run, int ranks,
                     const std::vector<std::int64_t>& images, StoreOptions options = {}) {
  tests::ThreadRanks(ranks).run([&](comm::Communicator& host) {
    Store store(run, host, options);
    for (const std::int64_t at : images) save(store, host, at, make_state(at));
  });
}

inline std::string read_bytes(const std::filesystem::path& file) {
  std::ifstream input(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(input), {}};
}

inline void write_bytes(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace pgan::checkpoint
