#include <gmock/gmock.h>

#include "data/encode.h"
#include "data/import_fixtures.h"

namespace pgan::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::int64_t> domains_of(const Listing& listing) {
  std::vector<std::int64_t> domains;
  for (const Source& source : listing.sources) domains.push_back(source.domain);
  return domains;
}

TEST(UnpairedImporter, TwoDomainsWithSplits) {
  const TempFolder folder;
  touch(folder, {"trainA/2.jpg", "trainB/1.jpg", "trainA/1.jpg", "testB/1.jpg", "valA/3.jpg"});
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "unpaired");
  EXPECT_THAT(listing.domains, ElementsAre("a", "b"));
  EXPECT_FALSE(listing.paired);
  EXPECT_THAT(keys_of(listing), ElementsAre("trainA/1.jpg", "trainA/2.jpg", "valA/3.jpg",
                                            "testB/1.jpg", "trainB/1.jpg"));
  EXPECT_THAT(domains_of(listing), ElementsAre(0, 0, 0, 1, 1));
  EXPECT_THAT(splits_of(listing), ElementsAre(Split::train, Split::train, Split::validation,
                                              Split::test, Split::train));
  EXPECT_THAT(listing.label_names, IsEmpty());
}

TEST(UnpairedImporter, AnyTwoFoldersWhenAskedFor) {
  const TempFolder folder;
  touch(folder, {"dogs/1.jpg", "cats/1.jpg", "cats/deep/2.jpg"});
  EXPECT_EQ(list_sources(folder.path()).layout, "folder");
  const Listing listing = list_sources(folder.path(), "unpaired");
  EXPECT_THAT(listing.domains, ElementsAre("cats", "dogs"));
  EXPECT_THAT(domains_of(listing), ElementsAre(0, 0, 1));
  touch(folder, {"birds/1.jpg"});
  EXPECT_THAT(message_of([&] { list_sources(folder.path(), "unpaired"); }),
              HasSubstr("as layout unpaired (trainA/ and trainB/): holds no picture to pack"));
}

/// [3,H,W], the left half of one grey, the right of another.
torch::Tensor two_halves(std::int64_t height, std::int64_t width, int left, int right) {
  torch::Tensor picture = torch::full({3, height, width}, left, torch::kUInt8);
  picture.narrow(2, width / 2, width - width / 2).fill_(right);
  return picture;
}

TEST(PairsImporter, ReadsHalves) {
  const TempFolder folder;
  fs::create_directories(folder / "train");
  fs::create_directories(folder / "val");
  write_image(folder / "train/1.png", two_halves(4, 8, 10, 200));
  write_image(folder / "train/2.png", two_halves(4, 8, 20, 210));
  write_image(folder / "val/1.png", two_halves(4, 8, 30, 220));
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "pairs");
  EXPECT_TRUE(listing.paired);
  EXPECT_THAT(listing.domains, ElementsAre("a", "b"));
  EXPECT_THAT(keys_of(listing), ElementsAre("train/1.png", "train/2.png", "val/1.png",
                                            "train/1.png", "train/2.png", "val/1.png"));
  EXPECT_THAT(domains_of(listing), ElementsAre(0, 0, 0, 1, 1, 1));
  EXPECT_EQ(listing.sources[5].split, Split::validation);
  const std::vector<int> greys = {10, 20, 30, 200, 210, 220};
  for (std::size_t i = 0; i < greys.size(); ++i) {
    const torch::Tensor half = listing.pictures->read(listing.sources[i], {});
    ASSERT_EQ(half.sizes(), (std::vector<std::int64_t>{4, 4, 3}));
    EXPECT_TRUE((half == greys[i]).all().item<bool>()) << i;
  }
  EXPECT_THAT(listing.warnings, ElementsAre(HasSubstr("--layout folder")));
}

TEST(PairsImporter, OneOtherShapeMakesAFolder) {
  const TempFolder folder;
  write_image(folder / "1.png", two_halves(4, 8, 10, 200));
  write_image(folder / "2.png", two_halves(4, 6, 10, 200));
  EXPECT_EQ(list_sources(folder.path()).layout, "folder");
  const Listing asked = list_sources(folder.path(), "pairs");
  EXPECT_EQ(asked.pictures->read(asked.sources[3], {}).size(1), 3);
}

TEST(PairsImporter, NarrowPicturesAreRefusedOneByOne) {
  const TempFolder folder;
  write_image(folder / "1.png", two_halves(4, 1, 10, 200));
  const Listing listing = list_sources(folder.path(), "pairs");
  EXPECT_THAT(message_of([&] { listing.pictures->read(listing.sources[0], {}); }),
              HasSubstr("1.png: one pixel wide"));
}

TEST(PairsImporter, RealOnes) {
  const fs::path root = test_data() / "paired_AB_512x256";
  PGAN_NEEDS_TEST_DATA(root);
  const Listing listing = list_sources(root);
  EXPECT_EQ(listing.layout, "pairs");
  EXPECT_EQ(listing.sources.size(), 64u);
  EXPECT_EQ(listing.pictures->read(listing.sources[0], {}).sizes(),
            (std::vector<std::int64_t>{256, 256, 3}));
}

TEST(FfhqImporter, SplitsByNumber) {
  const TempFolder folder;
  touch(folder, {"images1024x1024/00000/00000.png", "images1024x1024/59000/59999.png",
                 "images1024x1024/60000/60000.png", "images1024x1024/LICENSE.txt",
                 "thumbnails128x128/00000/00000.png"});
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "ffhq");
  EXPECT_EQ(listing.sources.size(), 3u);
  EXPECT_THAT(splits_of(listing), ElementsAre(Split::train, Split::train, Split::validation));
  EXPECT_THAT(listing.label_names, IsEmpty());
  const Listing inner = list_sources(folder / "thumbnails128x128/");
  EXPECT_EQ(inner.layout, "ffhq");
  EXPECT_THAT(keys_of(inner), ElementsAre("00000/00000.png"));
  EXPECT_FALSE(inner.has_split);
}

TEST(FolderImporter, SplitsAndClasses) {
  const TempFolder folder;
  touch(folder, {"train/dog/1.jpg", "train/cat/1.jpg", "val/dog/2.jpg", "test/3.jpg"});
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "folder");
  EXPECT_THAT(listing.label_names, ElementsAre("cat", "dog"));
  EXPECT_THAT(keys_of(listing), ElementsAre("train/cat/1.jpg", "train/dog/1.jpg", "val/dog/2.jpg"));
  EXPECT_THAT(listing.sources[2].labels, ElementsAre(0.0f, 1.0f));
  EXPECT_EQ(listing.sources[2].split, Split::validation);
  EXPECT_THAT(listing.warnings,
              ElementsAre(HasSubstr("1 pictures left out: in no class's folder")));
}

TEST(FolderImporter, SplitsWithoutClasses) {
  const TempFolder folder;
  touch(folder, {"Train/1.jpg", "valid/2.jpg", "TEST/deep/3.jpg"});
  const Listing listing = list_sources(folder.path());
  EXPECT_THAT(keys_of(listing), ElementsAre("TEST/deep/3.jpg", "Train/1.jpg", "valid/2.jpg"));
  EXPECT_THAT(splits_of(listing), ElementsAre(Split::test, Split::train, Split::validation));
  EXPECT_THAT(listing.label_names, IsEmpty());
}

TEST(FolderImporter, HeldOutAloneIsSaid) {
  const TempFolder folder;
  touch(folder, {"test/1.jpg"});
  const Listing listing = list_sources(folder.path());
  EXPECT_TRUE(listing.has_split);
  EXPECT_THAT(listing.warnings, ElementsAre(HasSubstr("no picture is for training")));
}

TEST(FolderImporter, PicturesBesideFoldersMakeThemNoClasses) {
  const TempFolder folder;
  touch(folder, {"cat/1.jpg", "dog/1.jpg", "cover.jpg"});
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.sources.size(), 3u);
  EXPECT_THAT(listing.label_names, IsEmpty());
  EXPECT_THAT(listing.warnings, ElementsAre(HasSubstr("no classes, e.g. cover.jpg")));
}

TEST(FolderImporter, ThousandsOfFoldersAreNoClasses) {
  const TempFolder folder;
  for (int i = 0; i < 1001; ++i) {
    const fs::path inner = folder / ("person" + std::to_string(i));
    fs::create_directory(inner);
    write_text(inner / "1.jpg", "x");
  }
  const Listing listing = list_sources(folder.path());
  EXPECT_THAT(listing.label_names, IsEmpty());
  EXPECT_THAT(listing.warnings, ElementsAre(HasSubstr("1,001 folders are more than the 1,000")));
}

TEST(FolderImporter, RealOnes) {
  PGAN_NEEDS_TEST_DATA(test_data() / "cifar10_32");
  const Listing cifar = list_sources(test_data() / "cifar10_32");
  EXPECT_EQ(cifar.layout, "folder");
  EXPECT_EQ(cifar.sources.size(), 1000u);
  EXPECT_EQ(cifar.label_names.size(), 10u);
  const Listing afhq = list_sources(test_data() / "afhq_512");
  EXPECT_THAT(afhq.label_names, ElementsAre("cat", "dog", "wild"));
  std::vector<float> sums(3);
  for (const Source& source : afhq.sources) {
    for (std::size_t c = 0; c < 3; ++c) sums[c] += source.labels[c];
  }
  EXPECT_THAT(sums, ElementsAre(15.0f, 11.0f, 15.0f));
  const Listing cats = list_sources(test_data() / "cat2dog_le256", "unpaired");
  EXPECT_THAT(cats.domains, ElementsAre("cats", "dogs"));
  EXPECT_EQ(cats.sources.size(), 140u);
  EXPECT_THAT(cats.warnings, IsEmpty());
}

}  // namespace
}  // namespace pgan::data
