#include "data/pack_writer.h"

#include <cstdio>

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

TEST(PackWriter, SameBytesWhateverTheThreads) {
  const TempFolder folder;
  make_pictures(folder / "in", 40, 32);
  pack_quietly(folder / "in", folder / "one", {.threads = 1});
  pack_quietly(folder / "in", folder / "four", {.threads = 4});
  for (const auto& entry : fs::directory_iterator(folder / "one")) {
    const std::string name = entry.path().filename().string();
    EXPECT_EQ(read_text(entry.path()), read_text(folder / "four" / name)) << name;
  }
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
  EXPECT_FALSE(pack->info().has_split());
}

TEST(PackWriter, ResolutionFollowsThePictures) {
  const TempFolder folder;
  make_pictures(folder / "in", 3, 50);
  EXPECT_EQ(pack_quietly(folder / "in", folder / "a").resolution, 32);
  const PackReport larger = pack_quietly(folder / "in", folder / "b", {.resolution = 64});
  EXPECT_EQ(larger.resolution, 64);
  EXPECT_EQ(larger.upscaled, 3);
  EXPECT_THROW(pack_quietly(folder / "in", folder / "c", {.resolution = 48}), ConfigError);
}

TEST(PackWriter, BadPicturesAreSkippedAndNamed) {
  const TempFolder folder;
  make_pictures(folder / "in", 3, 16);
  write_text(folder / "in/1.png", "no picture");
  write_text(folder / "in/4.jpg", "");
  std::vector<std::string> bad;
  const PackReport report = write_pack(
      list_sources(folder / "in"), folder / "out", {}, [](auto, auto) {},
      [&](const auto& line) { bad.push_back(line); });
  EXPECT_EQ(report.written, 2);
  EXPECT_EQ(report.bad, 2);
  ASSERT_EQ(bad.size(), 2u);
  EXPECT_THAT(bad[0], HasSubstr("in/1.png: cannot be decoded"));
  EXPECT_THAT(bad[1], HasSubstr("in/4.jpg: empty file"));
  EXPECT_THAT(Pack::open(folder / "out")->record_json(1), HasSubstr("2.png"));
  EXPECT_THROW(pack_quietly(folder / "in", folder / "strict", {.strict = true}), DataError);
  EXPECT_FALSE(fs::exists(folder / "strict"));
}

TEST(PackWriter, NothingGoodIsAnError) {
  const TempFolder folder;
  fs::create_directory(folder / "in");
  write_text(folder / "in/1.png", "no picture");
  EXPECT_THAT(message_of([&] { pack_quietly(folder / "in", folder / "out"); }),
              HasSubstr("none of the 1 pictures can be used; the first: "));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
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

TEST(PackWriter, StoppingLeavesNothing) {
  const TempFolder folder;
  make_pictures(folder / "in", 30, 16);
  struct Stop {};
  const auto report = [](std::int64_t done, std::int64_t) {
    if (done >= 5) throw Stop{};
  };
  EXPECT_THROW(
      write_pack(list_sources(folder / "in"), folder / "out", {}, report, [](const auto&) {}),
      Stop);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
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
  const PackReport report = write_pack(
      listing, folder / "out", {}, [](auto, auto) {}, [](const auto&) {});
  EXPECT_EQ(report.resolution, 64);
  EXPECT_EQ(report.written, 20);
  const auto pack = Pack::open(folder / "out");
  const torch::Tensor source = decode_file(celeba / listing.sources[5].key);
  const torch::Tensor cut = source.slice(0, 29, 93).slice(1, 13, 77).permute({2, 0, 1});
  EXPECT_TRUE(pack->image(5, 64).equal(cut));
}

}  // namespace
}  // namespace pgan::data
