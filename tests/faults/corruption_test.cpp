// Checkpoints damaged at random: every damage is found, and a run goes on from the older one.
//   PGAN_FAULT_CORRUPTIONS   how many (60; 1000 take 10 minutes)
//   PGAN_FAULT_SEED          of the damages
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "faults/jobs.h"

namespace pgan {
namespace {
using namespace tests;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kOlder = "images-000000000032";
constexpr const char* kNewer = "images-000000000064";
constexpr const char* kNext = "images-000000000096";
constexpr int kResumeEvery = 10, kBothEvery = 20;

/// All bytes below a folder, by file.
using Contents = std::map<std::string, std::string>;

Contents contents_of(const std::string& folder) {
  Contents contents;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = fs::relative(entry.path(), folder).string();
    contents[name] = entry.is_regular_file() ? read_file(entry.path().string()) : "no file";
  }
  return contents;
}

void write_file(const std::string& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

class CorruptionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = missing_for_jobs(); !missing.empty()) GTEST_SKIP() << missing;
    pack_ = make_pack(folder_);
    std::printf("PGAN_FAULT_SEED=%lld\n", static_cast<long long>(seed_));
    const Outcome first = train(whole_, 4);
    ASSERT_EQ(first.code, 0) << first.output;
    ASSERT_THAT(checkpoints_of(whole_), ::testing::ElementsAre(kOlder, kNewer));
    copy_folder(whole_, reference_);
    ASSERT_EQ(train(reference_, 6).code, 0);
  }

  Outcome train(const std::string& run, int steps) {
    return run_command(
        job(tiny_run(pack_, run, "--keep-last 0 --max-steps " + std::to_string(steps))));
  }

  std::size_t below(std::size_t end) { return random_() % std::max<std::size_t>(end, 1); }

  std::string any_file(const std::string& checkpoint) {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(checkpoint))
      files.push_back(entry.path().string());
    std::sort(files.begin(), files.end());
    return files.at(below(files.size()));
  }

  static std::string shard(const std::string& checkpoint, int rank) {
    return checkpoint + "/rank-0000" + std::to_string(rank) + "-of-00002.safetensors";
  }

  std::string change_bytes(std::string bytes, std::size_t kind) {
    const std::size_t at = below(bytes.size());
    const std::size_t count = std::min(1 + below(4096), bytes.size() - at);
    switch (kind) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        return bytes;
      case 1:
        return bytes.replace(at, count, count, '\0');
      case 2:
        for (std::size_t i = at; i < at + count; ++i) bytes[i] = static_cast<char>(random_());
        return bytes;
      case 3:
        return bytes.substr(0, at);
      default:
        for (std::size_t i = 0; i < count; ++i) bytes += static_cast<char>(random_());
        return bytes;
    }
  }

  void change_digit(const std::string& manifest) {
    std::string text = read_file(manifest);
    std::size_t at = text.find_first_of("0123456789", below(text.size()));
    if (at == std::string::npos) at = text.find_first_of("0123456789");
    text[at] = static_cast<char>('0' + below(10));
    write_file(manifest, text);
  }

  void raise_format(const std::string& manifest) {
    std::string text = read_file(manifest);
    const std::string now = "\"format\": 1";
    const std::size_t at = text.find(now);
    ASSERT_NE(at, std::string::npos);
    write_file(manifest, text.replace(at, now.size(), "\"format\": 2"));
  }

  /// One random damage; says which. May leave the bytes as they were.
  std::string damage_once(const std::string& checkpoint, const std::string& other) {
    constexpr const char* kNames[] = {"bit",  "zeros",       "random",      "cut",   "append",
                                      "gone", "swap shards", "other shard", "digit", "format"};
    const std::size_t kind = below(std::size(kNames));
    const std::string file = any_file(checkpoint), manifest = checkpoint + "/manifest.json";
    const int rank = static_cast<int>(below(2));
    if (kind < 5) {
      write_file(file, change_bytes(read_file(file), kind));
    } else if (kind == 5) {
      fs::remove(file);
    } else if (kind == 6) {
      const std::string first = read_file(shard(checkpoint, 0));
      write_file(shard(checkpoint, 0), read_file(shard(checkpoint, 1)));
      write_file(shard(checkpoint, 1), first);
    } else if (kind == 7) {
      write_file(shard(checkpoint, rank), read_file(shard(other, rank)));
    } else if (kind == 8) {
      change_digit(manifest);
    } else {
      raise_format(manifest);
    }
    return std::string(kNames[kind]) + " in " + fs::path(file).filename().string();
  }

  std::string damage(const std::string& run, const std::string& name) {
    const Contents before = contents_of(run + "/" + name);
    const std::string other = whole_ + "/" + (name == kNewer ? kOlder : kNewer);
    while (true) {
      std::string what = damage_once(run + "/" + name, other);
      if (contents_of(run + "/" + name) != before) return what;
    }
  }

  void expect_found(const std::string& checkpoint) {
    const Outcome outcome = verify(checkpoint);
    EXPECT_EQ(outcome.code, 4) << outcome.output;
    EXPECT_THAT(lines_with(outcome.output, "pgan-checkpoint: error: "), SizeIs(1))
        << outcome.output;
  }

  void expect_goes_on_from_the_older(const std::string& run) {
    const Outcome outcome = train(run, 6);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("using the older checkpoint " + run + "/" + kOlder));
    EXPECT_THAT(outcome.output, HasSubstr("resuming from " + run + "/" + kOlder));
    EXPECT_EQ(verify(run + "/" + kNewer).code, 0) << "the damaged one was not replaced";
    EXPECT_EQ(difference(run + "/" + kNext, reference_ + "/" + kNext), "");
    EXPECT_EQ(stats_of(run), stats_of(reference_));
  }

  void expect_refused_and_untouched(const std::string& run) {
    const Contents older = contents_of(run + "/" + kOlder), newer = contents_of(run + "/" + kNewer);
    const std::string stats = read_file(run + "/stats.jsonl");
    const Outcome outcome = train(run, 6);
    EXPECT_EQ(outcome.code, 4) << outcome.output;
    EXPECT_THAT(lines_with(outcome.output, ": error: "), SizeIs(1)) << outcome.output;
    EXPECT_EQ(contents_of(run + "/" + kOlder), older);
    EXPECT_EQ(contents_of(run + "/" + kNewer), newer);
    EXPECT_EQ(read_file(run + "/stats.jsonl"), stats);
    EXPECT_THAT(checkpoints_of(run), SizeIs(2)) << "a fresh start";
  }

  const std::int64_t seed_ = number_from("PGAN_FAULT_SEED", 1);
  std::mt19937_64 random_{static_cast<std::uint64_t>(seed_)};
  ScratchFolder folder_;
  const std::string whole_ = folder_ / "whole", reference_ = folder_ / "reference";
  std::string pack_;
};

TEST_F(CorruptionTest, EveryDamageIsFoundAndARunGoesOnFromTheOlderCheckpoint) {
  const int count = static_cast<int>(number_from("PGAN_FAULT_CORRUPTIONS", 60));
  std::map<std::string, int> kinds;
  for (int i = 1; i <= count && !HasFailure(); ++i) {
    const std::string run = folder_ / "run";
    copy_folder(whole_, run);
    const std::string what = damage(run, kNewer);
    SCOPED_TRACE("damage " + std::to_string(i) + ": " + what);
    ++kinds[what.substr(0, what.find(" in "))];
    expect_found(run + "/" + kNewer);
    if (i % kBothEvery == 0) {
      SCOPED_TRACE("and in the older one: " + damage(run, kOlder));
      expect_refused_and_untouched(run);
    } else if (i % kResumeEvery == 0) {
      expect_goes_on_from_the_older(run);
    }
  }
  std::string text;
  for (const auto& [kind, times] : kinds)
    text += (text.empty() ? "" : ", ") + kind + " " + std::to_string(times);
  std::printf("%d damages (%s)\n", count, text.c_str());
}

}  // namespace
}  // namespace pgan
