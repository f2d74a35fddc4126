#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/manifest.h"
#include "fixture.h"

namespace pgan::checkpoint {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Corruption : public CheckpointTest {
 protected:
  Corruption() {
    save_run(folder_, 3, {64});
    checkpoint_ = folder_ / folder_name(64);
    for (const auto& entry : fs::directory_iterator(checkpoint_)) files_.push_back(entry.path());
    std::sort(files_.begin(), files_.end());
  }

  /// True when a full check refuses the checkpoint with exit code 4.
  bool refused() {
    try {
      verify(open_newest(checkpoint_, Depth::headers));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::checkpoint) << error.what();
      return true;
    }
    return false;
  }

  fs::path checkpoint_;
  std::vector<fs::path> files_;
};

TEST_F(Corruption, WholeToBeginWith) {
  ASSERT_EQ(files_.size(), 4u);
  EXPECT_FALSE(refused());
}

TEST_F(Corruption, EveryFlippedByteIsSeen) {
  std::mt19937 random(1);
  for (int round = 0; round < 600; ++round) {
    const fs::path& file = files_[random() % files_.size()];
    const std::string whole = read_bytes(file);
    std::string damaged = whole;
    const std::size_t at = random() % whole.size();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    write_bytes(file, damaged);
    EXPECT_TRUE(refused()) << file << " byte " << at;
    write_bytes(file, whole);
  }
  EXPECT_FALSE(refused());
}

TEST_F(Corruption, EveryTruncationAndExcessIsSeen) {
  for (const fs::path& file : files_) {
    const std::string whole = read_bytes(file);
    for (std::size_t length = 0; length < whole.size();
         length += length < 16 ? 1 : 1 + whole.size() / 40) {
      write_bytes(file, whole.substr(0, length));
      EXPECT_TRUE(refused()) << file << " cut at " << length;
    }
    write_bytes(file, whole + '\0');
    EXPECT_TRUE(refused()) << file << " one byte more";
    fs::remove(file);
    EXPECT_TRUE(refused()) << file << " missing";
    fs::create_directory(file);
    EXPECT_TRUE(refused()) << file << " a folder";
    fs::remove(file);
    write_bytes(file, whole);
  }
  EXPECT_FALSE(refused());
}

TEST_F(Corruption, SwappedShardsAreSeen) {
  const fs::path a = checkpoint_ / shard_name(0, 3), b = checkpoint_ / shard_name(1, 3);
  const std::string first = read_bytes(a);
  write_bytes(a, read_bytes(b));
  write_bytes(b, first);
  EXPECT_TRUE(refused());
}

TEST_F(Corruption, FlippedByteFailsALoadOnEveryRankWithNothingTouched) {
  const fs::path file = checkpoint_ / shard_name(2, 3);
  tests::ThreadRanks(1).run(
      [&](comm::Communicator& host) { EXPECT_TRUE(find_newest(folder_, host, Depth::headers)); });
  std::string bytes = read_bytes(file);
  bytes.back() = static_cast<char>(bytes.back() ^ 4);
  write_bytes(file, bytes);
  const auto errors = tests::ThreadRanks(4).run_all([&](comm::Communicator& host) {
    const auto found = find_newest(folder_, host, Depth::headers);
    const TensorMap targets = blank_like(make_state(64));
    try {
      load_into(*found, targets, host);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::checkpoint);
      EXPECT_THAT(error.what(), HasSubstr("rank-00002-of-00003.safetensors: wrong checksum of"));
      expect_equal(targets, blank_like(make_state(64)));
      throw;
    }
  });
  for (const auto& error : errors) EXPECT_TRUE(error);
  // With contents checked, the search itself refuses it.
  EXPECT_THROW(tests::ThreadRanks(2).run(
                   [&](comm::Communicator& host) { find_newest(folder_, host, Depth::contents); }),
               Error);
}

}  // namespace
}  // namespace pgan::checkpoint
