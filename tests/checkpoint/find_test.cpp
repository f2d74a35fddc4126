#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace pgan::checkpoint {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

using Find = CheckpointTest;

TEST_F(Find, NoneAtAll) {
  tests::ThreadRanks(2).run([&](comm::Communicator& host) {
    EXPECT_FALSE(find_newest(folder_, host));
    EXPECT_FALSE(find_newest(folder_ / "missing", host));
  });
  EXPECT_THROW(open_newest(folder_), CheckpointError);
}

TEST_F(Find, RunFolderCheckpointFolderAndLatest) {
  save_run(folder_, 2, {64, 128});
  tests::ThreadRanks(3).run([&](comm::Communicator& host) {
    EXPECT_EQ(find_newest(folder_, host)->manifest.progress.images, 128);
    EXPECT_EQ(find_newest(folder_ / "images-000000000064", host)->manifest.progress.images, 64);
    EXPECT_EQ(find_newest(folder_ / "latest", host)->manifest.progress.images, 128);
  });
}

TEST_F(Find, FallsBackToTheNewestWholeOneOnEveryRank) {
  save_run(folder_, 2, {64, 128, 192});
  fs::remove(folder_ / "images-000000000192" / shard_name(1, 2));
  fs::remove(folder_ / "images-000000000128" / kManifestName);
  tests::ThreadRanks(3).run([&](comm::Communicator& host) {
    EXPECT_EQ(find_newest(folder_, host)->manifest.progress.images, 64);
  });
  EXPECT_EQ(open_newest(folder_).manifest.progress.images, 64);
}

TEST_F(Find, OnlyBrokenOnesAreAnErrorNotAFreshStart) {
  save_run(folder_, 2, {64, 128});
  for (const Listed& one : list(folder_)) fs::resize_file(one.folder / shard_name(0, 2), 20);
  const auto errors = tests::ThreadRanks(3).run_all([&](comm::Communicator& host) {
    try {
      find_newest(folder_, host);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::checkpoint);
      EXPECT_THAT(error.what(), HasSubstr("images-000000000128"));
      throw;
    }
  });
  for (const auto& error : errors) EXPECT_TRUE(error);
}

TEST_F(Find, ANamedBrokenCheckpointIsNotReplacedByAnother) {
  save_run(folder_, 1, {64, 128});
  fs::remove(folder_ / "images-000000000128" / kManifestName);
  EXPECT_THROW(open_newest(folder_ / "images-000000000128"), Error);
}

TEST_F(Find, AFileIsNoFolder) {
  write_bytes(folder_ / "file", "x");
  EXPECT_THROW(open_newest(folder_ / "file"), CheckpointError);
  EXPECT_THROW(tests::ThreadRanks(2).run(
                   [&](comm::Communicator& host) { find_newest(folder_ / "file", host); }),
               Error);
}

TEST_F(Find, ListsByNumberAndIgnoresOtherNames) {
  for (const char* name :
       {"images-000000000009", "images-1000000000000", "images-000000000010", "images-10",
        "images-", "images-00000000001x", ".images-000000000011.partial", "samples",
        ".images-000000000012.replaced", ".images-000000000010.replaced"}) {
    fs::create_directory(folder_ / name);
  }
  write_bytes(folder_ / "images-000000000099", "a file");
  std::vector<std::int64_t> images;
  for (const Listed& one : list(folder_)) images.push_back(one.images);
  EXPECT_EQ(images, (std::vector<std::int64_t>{9, 10, 12, 99, 1'000'000'000'000}));
}

TEST_F(Find, IsQuickAmongAThousand) {
  save_run(folder_, 1, {64});
  for (int i = 1; i <= 1000; ++i)
    fs::copy(folder_ / folder_name(64), folder_ / folder_name(64 + i));
  const auto started = std::chrono::steady_clock::now();
  tests::ThreadRanks(2).run([&](comm::Communicator& host) { find_newest(folder_, host); });
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(1));
}

}  // namespace
}  // namespace pgan::checkpoint
