#include "data/pack_writer.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>

#include "data/decode.h"
#include "data/encode.h"
#include "data/fixtures.h"
#include "data/output_file.h"

namespace pgan::data {
namespace {

using testing::HasSubstr;

void make_pictures(const fs::path& folder, int count, std::int64_t side) {
  fs::create_directories(folder);
  for (int i = 0; i < count; ++i) {
    write_image(folder / (std::to_string(i) + ".png"), draw_face(1, i, side).image);
  }
}

void expect_same_folders(const fs::path& a, const fs::path& b) {
  std::set<std::string> names;
  for (const fs::path& folder : {a, b}) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      names.insert(entry.path().filename().string());
    }
  }
  for (const std::string& name : names) EXPECT_EQ(read_text(a / name), read_text(b / name)) << name;
}

TEST(PackWriter, SameBytesWhateverTheThreads) {
  const TempFolder folder;
  make_pictures(folder / "in", 40, 32);
  pack_quietly(folder / "in", folder / "one", {.threads = 1});
  pack_quietly(folder / "in", folder / "four", {.threads = 4});
  expect_same_folders(folder / "one", folder / "four");
}

TEST(PackWriter, FolderClassesBecomeOneHotLabels) {
  const TempFolder folder;
  make_pictures(folder / "in/a", 2, 16);
  make_pictures(folder / "in/b", 1, 16);
  pack_quietly(folder / "in", folder / "out");
  const auto pack = Pack::open(folder / "out");
  EXPECT_EQ(pack->info().crop, "center");
  EXPECT_TRUE(
      pack->labels().equal(torch::tensor({1.0f, 0.0f, 1.0f, 0.0f, 0.0f, 1.0f}).view({3, 2})));
  EXPECT_EQ(pack->info().parts.size(), 1u);
  EXPECT_EQ(pack->info().range(Split::train), (RecordRange{0, 3}));
}

TEST(PackWriter, ResolutionFollowsThePictures) {
  const TempFolder folder;
  make_pictures(folder / "in", 3, 50);
  EXPECT_EQ(pack_quietly(folder / "in", folder / "a").resolution, 32);
  EXPECT_THAT(message_of([&] { pack_quietly(folder / "in", folder / "b", {.resolution = 64}); }),
              HasSubstr("--upscale yes enlarges"));
  const PackReport larger =
      pack_quietly(folder / "in", folder / "b", {.resolution = 64, .upscale = "yes"});
  EXPECT_EQ(larger.resolution, 64);
  EXPECT_EQ(larger.upscaled, 3);
  EXPECT_THROW(pack_quietly(folder / "in", folder / "c", {.resolution = 48}), ConfigError);
}

TEST(PackWriter, BadPicturesAreSkippedAndNamed) {
  const TempFolder folder;
  make_pictures(folder / "in", 3, 16);
  write_text(folder / "in/1.png", "no picture");
  write_text(folder / "in/4.jpg", "");
  const PackReport report = pack_quietly(folder / "in", folder / "out");
  EXPECT_EQ(report.written, 2);
  ASSERT_EQ(report.skipped.size(), 2u);
  EXPECT_EQ(report.skipped[0].key, "1.png");
  EXPECT_EQ(report.skipped[1].key, "4.jpg");
  EXPECT_THAT(report.skipped[1].reason, HasSubstr("empty"));
  const std::string lines = read_text(folder / "out/skipped.jsonl");
  EXPECT_THAT(lines, HasSubstr("{\"file\":\"1.png\",\"reason\":"));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
  EXPECT_THAT(Pack::open(folder / "out")->record_json(1), HasSubstr("2.png"));
  EXPECT_THROW(pack_quietly(folder / "in", folder / "strict", {.strict = true}), DataError);
  EXPECT_FALSE(fs::exists(folder / "strict"));
}

TEST(PackWriter, NothingGoodIsAnError) {
  const TempFolder folder;
  fs::create_directory(folder / "in");
  write_text(folder / "in/1.png", "no picture");
  EXPECT_THAT(message_of([&] { pack_quietly(folder / "in", folder / "out"); }),
              HasSubstr("none of the 1 pictures can be used; the first: 1.png: "));
  EXPECT_FALSE(fs::exists(folder / "out"));
}

TEST(PackWriter, UsedFoldersAreKept) {
  const TempFolder folder;
  make_pictures(folder / "in", 2, 16);
  fs::create_directory(folder / "out");
  EXPECT_NO_THROW(pack_quietly(folder / "in", folder / "out"));
  EXPECT_THROW(pack_quietly(folder / "in", folder / "out"), ConfigError);
  EXPECT_NO_THROW(pack_quietly(folder / "in", folder / "out", {.resolution = 8, .force = true}));
  EXPECT_EQ(Pack::open(folder / "out")->info().largest(), 8);
  EXPECT_THROW(pack_quietly(folder / "in", folder / "in", {.force = true}), ConfigError);
  EXPECT_TRUE(fs::exists(folder / "in/1.png"));
}

TEST(PackWriter, SameBytesWhateverTheRanks) {
  const TempFolder folder;
  make_pictures(folder / "in", 600, 8);
  write_text(folder / "in/77.png", "no picture");
  pack_quietly(folder / "in", folder / "one");
  std::vector<std::unique_ptr<PackWriter>> ranks;
  for (int rank = 0; rank < 3; ++rank) {
    ranks.push_back(
        std::make_unique<PackWriter>(list_sources(folder / "in"), folder / "three", PackOptions{}));
    EXPECT_EQ(ranks[0]->fingerprint(), ranks.back()->fingerprint());
  }
  EXPECT_EQ(ranks[0]->begin(), 0);
  for (const int rank : {2, 0, 1})
    ranks[static_cast<std::size_t>(rank)]->work(rank, 3, [](auto&) {});
  EXPECT_EQ(ranks[0]->finish().written, 599);
  ASSERT_GT(Pack::open(folder / "one")->info().levels[0].shards.size(), 2u);
  expect_same_folders(folder / "one", folder / "three");
}

TEST(PackWriter, GoesOnWhereItWasStopped) {
  const TempFolder folder;
  make_pictures(folder / "in", 600, 8);
  pack_quietly(folder / "in", folder / "straight");
  struct Stop {};
  const auto stop_at = [](std::int64_t last) {
    return [last](const PackProgress& progress) {
      if (progress.done >= last) throw Stop{};
    };
  };
  for (const std::int64_t last : {100, 300, 550}) {
    EXPECT_THROW(write_pack(list_sources(folder / "in"), folder / "out", {}, stop_at(last)), Stop);
    EXPECT_FALSE(fs::exists(folder / "out"));
  }
  std::int64_t begun_at = -1;
  write_pack(list_sources(folder / "in"), folder / "out", {}, [&](const PackProgress& progress) {
    if (begun_at < 0) begun_at = progress.done;
  });
  EXPECT_EQ(begun_at, 512);
  expect_same_folders(folder / "straight", folder / "out");
  EXPECT_FALSE(fs::exists(folder / "out.partial"));
}

TEST(PackWriter, DamagedOrForeignUnfinishedWorkIsDoneAgain) {
  const TempFolder folder;
  make_pictures(folder / "in", 600, 8);
  pack_quietly(folder / "in", folder / "straight");
  const auto unfinished = [&](const PackOptions& options) {
    PackWriter writer(list_sources(folder / "in"), folder / "out", options);
    writer.begin();
    writer.work(0, 1, [](auto&) {});
  };
  const auto take_up = [&] {
    return PackWriter(list_sources(folder / "in"), folder / "out", {}).begin();
  };
  unfinished({});
  EXPECT_EQ(take_up(), 600);
  const fs::path shard = folder / "out.partial/r0008-00001.tar";
  fs::resize_file(shard, fs::file_size(shard) - 1);
  EXPECT_EQ(take_up(), 344);
  std::string ledger = read_text(folder / "out.partial/work/chunk-0");
  ledger[ledger.size() / 2] ^= 1;
  write_text(folder / "out.partial/work/chunk-0", ledger);
  EXPECT_EQ(take_up(), 88);
  EXPECT_THAT(message_of([&] { unfinished({.resolution = 4}); }),
              HasSubstr("unfinished work of other pictures or options"));
  unfinished({.resolution = 4, .force = true});
  EXPECT_EQ(PackWriter(list_sources(folder / "in"), folder / "out", {.force = true}).begin(), -1);
  pack_quietly(folder / "in", folder / "out");
  expect_same_folders(folder / "straight", folder / "out");
}

TEST(PackWriter, StrictIsStrictAfterALenientAttemptToo) {
  const TempFolder folder;
  make_pictures(folder / "in", 300, 8);
  write_text(folder / "in/7.png", "no picture");
  {
    PackWriter writer(list_sources(folder / "in"), folder / "out", {});
    writer.begin();
    writer.work(0, 1, [](auto&) {});
  }
  EXPECT_THROW(pack_quietly(folder / "in", folder / "out", {.strict = true}), DataError);
  fs::create_directory(folder / "linked");
  make_pictures(folder / "linked", 2, 8);
  fs::create_symlink(folder / "in/1.png", folder / "linked/out.png");
  EXPECT_EQ(pack_quietly(folder / "linked", folder / "a").skipped.size(), 1u);
  EXPECT_THAT(message_of([&] { pack_quietly(folder / "linked", folder / "b", {.strict = true}); }),
              HasSubstr("leads out of the folder"));
}

TEST(PackWriter, ForceReplacesNothingButPacks) {
  const TempFolder folder;
  make_pictures(folder / "in", 3, 8);
  fs::create_directory(folder / "other");
  write_text(folder / "other/dataset.json", "{\"labels\": null}");
  EXPECT_THROW(pack_quietly(folder / "in", folder / "other", {.force = true}), ConfigError);
  pack_quietly(folder / "in", folder / "out");
  write_text(folder / "out/notes.txt", "mine");
  EXPECT_THAT(message_of([&] { pack_quietly(folder / "in", folder / "out", {.force = true}); }),
              HasSubstr("holds notes.txt"));
  EXPECT_EQ(read_text(folder / "out/notes.txt"), "mine");
  fs::create_directory(folder / "new.partial");
  write_text(folder / "new.partial/thesis.tex", "mine");
  EXPECT_THROW(pack_quietly(folder / "in", folder / "new"), ConfigError);
  EXPECT_TRUE(fs::exists(folder / "new.partial/thesis.tex"));
}

TEST(PackWriter, FollowsALinkAsOut) {
  const TempFolder folder;
  make_pictures(folder / "in", 3, 8);
  fs::create_directory(folder / "scratch");
  fs::create_directory_symlink(folder / "scratch/pack", folder / "out");
  pack_quietly(folder / "in", folder / "out");
  EXPECT_TRUE(fs::is_symlink(folder / "out"));
  EXPECT_EQ(Pack::open(folder / "scratch/pack")->info().count, 3);
}

TEST(PackWriter, AVanishedDataSetStops) {
  const TempFolder folder;
  make_pictures(folder / "in", 20, 8);
  PackWriter writer(list_sources(folder / "in"), folder / "out", {});
  writer.begin();
  fs::rename(folder / "in", folder / "moved");
  EXPECT_THAT(message_of([&] { writer.work(0, 1, [](auto&) {}); }),
              HasSubstr("the data set is gone"));
}

TEST(PackWriter, TwoAtOnceAreRefused) {
  const TempFolder folder;
  make_pictures(folder / "in", 3, 8);
  PackWriter first(list_sources(folder / "in"), folder / "out", {});
  first.begin();
  PackWriter second(list_sources(folder / "in"), folder / "out", {});
  EXPECT_THAT(message_of([&] { second.begin(); }), HasSubstr("another pgan-data is packing there"));
}

TEST(PackWriter, EncodingsByLevel) {
  const TempFolder folder;
  make_pictures(folder / "in", 3, 64);
  pack_quietly(folder / "in", folder / "out",
               {.native = 28, .encode = "raw,16:png,32:reduced,64:jpeg:95"});
  const auto pack = Pack::open(folder / "out");
  const PackInfo& info = pack->info();
  EXPECT_EQ(info.resolutions(), (std::vector<std::int64_t>{4, 8, 16, 28, 32, 64}));
  EXPECT_EQ(info.largest(), 64);
  using E = Encoding;
  const E expected[] = {E::ppm, E::ppm, E::png, E::png, E::reduced, E::jpg};
  for (std::size_t i = 0; i < info.levels.size(); ++i) {
    EXPECT_EQ(info.levels[i].encoding, expected[i]);
  }
  EXPECT_EQ(info.levels[4].from, 64);
  EXPECT_EQ(info.levels[5].quality, 95);
  const torch::Tensor face = draw_face(1, 1, 64).image.to(torch::kFloat32);
  const auto error = [&](std::int64_t side) {
    const auto mean = face.view({3, side, 64 / side, side, 64 / side}).mean({2, 4});
    return (pack->image(1, side).to(torch::kFloat32) - mean).abs().mean().item<double>();
  };
  EXPECT_LE(error(16), 0.5);
  EXPECT_LT(error(64), 3);
  EXPECT_LT(error(32), 3);
  EXPECT_EQ(pack->image(1, 28).sizes(), (std::vector<std::int64_t>{3, 28, 28}));
  for (const char* wrong : {"", "raw,", "gif", "jpeg", "jpeg:0", "jpeg:101", "64:png,16:raw",
                            "3:raw", "raw,16:", "reduced", "raw,32:reduced,64:png"}) {
    EXPECT_THROW(pack_quietly(folder / "in", folder / "no", {.encode = wrong}), ConfigError)
        << wrong;
  }
}

TEST(PackWriter, HoldsOutByName) {
  const TempFolder folder;
  make_pictures(folder / "in", 200, 8);
  pack_quietly(folder / "in", folder / "all", {.test_fraction = 0.25});
  const auto all = Pack::open(folder / "all");
  const RecordRange test = all->info().range(Split::test);
  EXPECT_NEAR(static_cast<double>(test.count), 50, 25);
  EXPECT_EQ(test.first, 200 - test.count);
  std::set<std::string> held;
  for (std::int64_t i = 0; i < test.count; ++i) held.insert(all->record_json(test.first + i));
  for (int i = 0; i < 200; i += 2) fs::remove(folder / "in" / (std::to_string(i) + ".png"));
  pack_quietly(folder / "in", folder / "half", {.test_fraction = 0.25});
  const auto half = Pack::open(folder / "half");
  const RecordRange fewer = half->info().range(Split::test);
  for (std::int64_t i = 0; i < fewer.count; ++i) {
    EXPECT_TRUE(held.contains(half->record_json(fewer.first + i)));
  }
  EXPECT_GT(fewer.count, 10);
}

TEST(PackWriter, NoSpaceIsAnError) {
  const fs::path full = "/dev/full";
  if (!fs::exists(full)) GTEST_SKIP() << "needs /dev/full";
  OutputFile out(full);
  const std::vector<std::uint8_t> bytes(1 << 20);
  EXPECT_THAT(message_of([&] { out.write(bytes), out.finish(); }), HasSubstr("No space left"));
}

TEST(PackWriter, RealCelebaPixels) {
  const fs::path celeba = test_data() / "celeba_89x109";
  PGAN_NEEDS_TEST_DATA(celeba);
  const TempFolder folder;
  Listing listing = list_sources(celeba);
  listing.sources.resize(20);
  const PackReport report = write_pack(listing, folder / "out", {}, [](const auto&) {});
  EXPECT_EQ(report.resolution, 64);
  EXPECT_EQ(report.written, 20);
  const auto pack = Pack::open(folder / "out");
  const torch::Tensor source = decode_file(celeba / listing.sources[5].key);
  const torch::Tensor cut = source.slice(0, 29, 93).slice(1, 13, 77).permute({2, 0, 1});
  EXPECT_TRUE(pack->image(5, 64).equal(cut));
}

}  // namespace
}  // namespace pgan::data
