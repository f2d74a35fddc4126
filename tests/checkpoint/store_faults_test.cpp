#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file.h"
#include "fixture.h"

namespace pgan::checkpoint {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class StoreFaults : public CheckpointTest {
 protected:
  int hidden_entries() const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(folder_))
      count += entry.path().filename().string().starts_with(".") ? 1 : 0;
    return count;
  }
};

void wait_until_settled(const Store& store) {
  while (store.poll() == Store::Writing::writing) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

/// Files of this process may not grow beyond so many bytes: a write that fails, also for root.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(StoreFaults, AFailedWriteIsToldKeepsTheOldOnesAndLetsTheNextSucceed) {
  tests::ThreadRanks(2).run([&](comm::Communicator& host) {
    Store store(folder_, host, {.keep_last = 1});
    const TensorMap small = {{"w", torch::ones({16})}};
    const TensorMap large = {{"w", torch::ones({1 << 20})}};
    save(store, host, 64, small);
    {
      static std::unique_ptr<FileLimit> limit;
      host.barrier();
      if (host.rank() == 0) limit = std::make_unique<FileLimit>(1 << 16);
      host.barrier();
      store.begin(make_manifest(128), large);
      wait_until_settled(store);
      EXPECT_EQ(store.poll(), Store::Writing::failed);
      EXPECT_THAT(store.failure(), HasSubstr("File too large"));
      EXPECT_THAT(store.failure(), HasSubstr(shard_name(host.rank(), 2)));
      EXPECT_THROW(store.drain(), Error);
      host.barrier();
      if (host.rank() == 0) limit.reset();
      host.barrier();
    }
    EXPECT_EQ(find_newest(folder_, host)->manifest.progress.images, 64);
    save(store, host, 192, large);
    EXPECT_EQ(find_newest(folder_, host)->manifest.progress.images, 192);
    host.barrier();
    EXPECT_EQ(hidden_entries(), 0);
  });
}

TEST_F(StoreFaults, OneRankThatFailsKeepsAllFromCommitting) {
  const auto errors = tests::ThreadRanks(2).run_all([&](comm::Communicator& host) {
    Store store(folder_, host, {});
    save(store, host, 64, make_state(1));
    TensorMap state = make_state(2);
    // What has no bytes cannot be copied.
    if (host.rank() == 1) {
      for (auto& [name, tensor] : state) tensor = tensor.to(torch::kMeta);
    }
    store.begin(make_manifest(128), state);
    store.await_copy();
    wait_until_settled(store);
    EXPECT_EQ(store.poll(), host.rank() == 1 ? Store::Writing::failed : Store::Writing::synced);
    try {
      store.drain();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::checkpoint);
      EXPECT_THAT(error.what(),
                  AllOf(HasSubstr("rank 1 on "), HasSubstr("the last checkpoint was not saved")));
      throw;
    }
  });
  for (const auto& error : errors) EXPECT_TRUE(error);
  EXPECT_EQ(open_newest(folder_).manifest.progress.images, 64);
}

TEST_F(StoreFaults, AnUncommittedSaveIsDroppedByTheNext) {
  tests::ThreadRanks(2).run([&](comm::Communicator& host) {
    Store store(folder_, host, {});
    store.begin(make_manifest(64), make_state(1));
    wait_until_settled(store);
    host.barrier();
    save(store, host, 128, make_state(2));
  });
  EXPECT_EQ(list(folder_).size(), 1u);
  EXPECT_EQ(hidden_entries(), 0);
}

TEST_F(StoreFaults, ADyingJobCannotWriteIntoTheNextJobsFiles) {
  tests::ThreadRanks(1).run([&](comm::Communicator& host) {
    Store dying(folder_, host, {});
    dying.begin(make_manifest(64), make_state(1));
    wait_until_settled(dying);
    Store next(folder_, host, {});  // clears what the other wrote, and has other names
    next.begin(make_manifest(64), make_state(1));
    dying.begin(make_manifest(64), make_state(2));
    wait_until_settled(dying);
    next.drain();
    const TensorMap targets = blank_like(make_state(1));
    load_into(*find_newest(folder_, host), targets, host);
    expect_equal(targets, make_state(1));
  });
}

TEST_F(StoreFaults, FullDisk) {
  const fs::path disk = folder_ / "disk";
  fs::create_directories(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "needs the right to mount a small tmpfs: " << errno_text(errno);
  }
  tests::ThreadRanks(2).run([&](comm::Communicator& host) {
    Store store(disk / "run", host, {});
    save(store, host, 64, {{"w", torch::ones({1000})}});
    store.begin(make_manifest(128), {{"w", torch::ones({1 << 20})}});
    wait_until_settled(store);
    EXPECT_EQ(store.poll(), Store::Writing::failed);
    EXPECT_THAT(store.failure(), HasSubstr("No space left on device"));
    EXPECT_THROW(store.drain(), Error);
    EXPECT_EQ(find_newest(disk / "run", host)->manifest.progress.images, 64);
    save(store, host, 192, {{"w", torch::ones({1000})}});
    EXPECT_EQ(find_newest(disk / "run", host)->manifest.progress.images, 192);
  });
  EXPECT_EQ(::umount(disk.c_str()), 0);
}

TEST_F(StoreFaults, ClearsWhatAKilledJobLeft) {
  fs::create_directories(folder_ / ".images-000000000064.partial");
  write_bytes(folder_ / ".images-000000000064.partial" / shard_name(0, 9), "half");
  fs::create_directories(folder_ / ".images-000000000032.deleted");
  save_run(folder_, 2, {128});
  EXPECT_FALSE(fs::exists(folder_ / ".images-000000000064.partial"));
  EXPECT_FALSE(fs::exists(folder_ / ".images-000000000032.deleted"));
  EXPECT_EQ(list(folder_).size(), 1u);
}

TEST_F(StoreFaults, ARunFolderThatCannotBeMadeIsOneErrorOnEveryRank) {
  write_bytes(folder_ / "file", "x");
  const auto errors = tests::ThreadRanks(2).run_all(
      [&](comm::Communicator& host) { Store store(folder_ / "file" / "run", host, {}); });
  for (const auto& error : errors) EXPECT_TRUE(error);
}

TEST_F(StoreFaults, MisuseIsRefused) {
  tests::ThreadRanks(1).run([&](comm::Communicator& host) {
    Store store(folder_, host, {});
    EXPECT_EQ(store.poll(), Store::Writing::idle);
    EXPECT_THROW(store.commit(), Error);
    EXPECT_THROW(store.begin(make_manifest(1), {{"c", torch::zeros({1}, torch::kComplexFloat)}}),
                 CheckpointError);
    EXPECT_EQ(store.poll(), Store::Writing::idle);
    store.drain();
  });
}

TEST_F(StoreFaults, OutputFileNamesAFullDevice) {
  OutputFile file("/dev/full");
  try {
    file.write(std::string("x"));
    FAIL() << "a full device took a byte";
  } catch (const CheckpointError& error) {
    EXPECT_STREQ(error.what(), "cannot write /dev/full: No space left on device");
  }
}

}  // namespace
}  // namespace pgan::checkpoint
