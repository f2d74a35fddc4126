#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "fuzz/seeds.h"
#include "fuzz/targets.h"

namespace pgan::fuzz {
namespace {

namespace fs = std::filesystem;

const Target* find_target(const std::string& name) {
  const auto found = std::ranges::find(kTargets, name, &Target::name);
  return found == std::end(kTargets) ? nullptr : found;
}

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// What ended a target once: regressions/<target>/<what it was>.
TEST(FuzzRegressions, AreReadOrRefused) {
  std::size_t count = 0;
  for (const auto& file : fs::recursive_directory_iterator(PGAN_FUZZ_REGRESSIONS)) {
    if (!file.is_regular_file()) continue;
    SCOPED_TRACE(file.path().string());
    const Target* target = find_target(file.path().parent_path().filename().string());
    ASSERT_NE(target, nullptr) << "its folder is no target's";
    std::ifstream stream(file.path(), std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(stream), {}};
    EXPECT_NO_THROW(run(*target, bytes_of(input)));
    ++count;
  }
  EXPECT_GT(count, 0u);
}

// Levels that a reader follows down the stack end the process without a word. A fuzzer's inputs are
// too short for that.
TEST(FuzzRegressions, JsonOfManyLevelsIsRefused) {
  constexpr std::size_t kLevels = 300'000;
  const std::string lists = std::string(kLevels, '[') + std::string(kLevels, ']');
  std::string objects;
  for (std::size_t i = 0; i < kLevels; ++i) objects += "{\"a\":";
  objects += "0" + std::string(kLevels, '}');
  for (const std::string& deep : {lists, objects}) {
    const std::string pack = R"({"format":"pgan-pack","version":)" + deep + "}";
    const std::string labels = R"({"labels":[["1.png",0],)" + deep + "]}";
    EXPECT_THROW(read_pack_info(bytes_of(pack)), DataError);
    EXPECT_THROW(read_dataset_json(bytes_of(labels)), DataError);
    EXPECT_THROW(read_manifest(bytes_of('\1' + deep)), CheckpointError);
  }
  const std::string cbor(kLevels, '\x81');
  EXPECT_NO_THROW(read_ledger(bytes_of(cbor)));
}

class FuzzSeeds : public ::testing::TestWithParam<Target> {
 protected:
  static std::vector<std::string> inputs() {
    static const std::vector<Seed> seeds = make_seeds();
    std::vector<std::string> found;
    for (const Seed& seed : seeds) {
      if (seed.target == GetParam().name) found.push_back(seed.bytes);
    }
    return found;
  }
};

// A fuzzer that starts from what is refused at once finds nothing.
TEST_P(FuzzSeeds, AreRead) {
  const auto seeds = inputs();
  EXPECT_FALSE(seeds.empty());
  for (const std::string& seed : seeds) EXPECT_NO_THROW(GetParam().read(bytes_of(seed)));
}

TEST_P(FuzzSeeds, CutShortAreReadOrRefused) {
  for (const std::string& seed : inputs()) {
    const std::size_t step = seed.size() / 40 + 1;
    for (std::size_t size = 0; size < seed.size(); size += step) {
      EXPECT_NO_THROW(run(GetParam(), bytes_of(seed.substr(0, size)))) << size << " bytes";
    }
  }
}

TEST_P(FuzzSeeds, DamagedAreReadOrRefused) {
  for (const std::string& seed : inputs()) {
    const std::size_t step = seed.size() / 40 + 1;
    for (std::size_t at = 0; at < seed.size(); at += step) {
      std::string damaged = seed;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
      EXPECT_NO_THROW(run(GetParam(), bytes_of(damaged))) << "byte " << at;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzSeeds, ::testing::ValuesIn(kTargets),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace pgan::fuzz
