#include <gmock/gmock.h>

#include "data/dataset_json.h"
#include "data/zip_archive.h"
#include "data/zip_fixture.h"

namespace pgan::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Listing list_zip(const TempFolder& folder, const std::vector<ZipItem>& items) {
  write_text(folder / "set.zip", make_zip(items));
  return list_sources(folder / "set.zip");
}

std::string fault_of(const std::string& json) {
  return message_of([&] {
    parse_dataset_json({reinterpret_cast<const std::uint8_t*>(json.data()), json.size()}, "d.json");
  });
}

std::int64_t first_pixel(const Listing& listing, std::size_t source) {
  return listing.pictures->read(listing.sources[source], {})[0][0][0].item<std::int64_t>();
}

TEST(StyleganImporter, ReadsStoredAndDeflated) {
  const TempFolder folder;
  const Listing listing = list_zip(
      folder,
      {{.name = "00000/", .bytes = ""},
       {.name = "00000/b.ppm", .bytes = tiny_ppm(7, 8), .deflated = true},
       {.name = "00000/a.ppm", .bytes = tiny_ppm(5, 6)},
       {.name = "00001/c.ppm", .bytes = tiny_ppm(9, 9), .deflated = true, .zip64 = true},
       {.name = "dataset.json",
        .bytes = R"({"labels": [["00000/a.ppm", 2], ["00000/b.ppm", 0], ["00001/c.ppm", 1]]})"}});
  EXPECT_EQ(listing.layout, "stylegan-zip");
  EXPECT_EQ(listing.name, "set.zip");
  EXPECT_THAT(keys_of(listing), ElementsAre("00000/a.ppm", "00000/b.ppm", "00001/c.ppm"));
  EXPECT_THAT(listing.label_names, ElementsAre("0", "1", "2"));
  EXPECT_THAT(listing.sources[0].labels, ElementsAre(0.0f, 0.0f, 1.0f));
  EXPECT_EQ(first_pixel(listing, 0), 5);
  EXPECT_EQ(first_pixel(listing, 1), 7);
  EXPECT_EQ(first_pixel(listing, 2), 9);
  EXPECT_THAT(listing.skipped, IsEmpty());
  EXPECT_THAT(listing.warnings, IsEmpty());
}

TEST(StyleganImporter, LabelsMayBeNullOrNumbersOrMissing) {
  const TempFolder folder;
  const std::vector<ZipItem> pictures = {{.name = "00000/a.png", .bytes = "x"},
                                         {.name = "00001/b.png", .bytes = "x"}};
  auto with = pictures;
  with.push_back({.name = "dataset.json", .bytes = R"({"labels": null})"});
  EXPECT_THAT(list_zip(folder, with).label_names, IsEmpty());
  with.back().bytes = R"({"labels": [["00001/b.png", [0.5, -2]], ["z.png", [1, 1]]]})";
  const Listing numbers = list_zip(folder, with);
  ASSERT_EQ(numbers.sources.size(), 1u);
  EXPECT_THAT(numbers.sources[0].labels, ElementsAre(0.5f, -2.0f));
  EXPECT_THAT(
      numbers.warnings,
      ElementsAre(HasSubstr("1 pictures left out: no row in dataset.json"), HasSubstr("z.png")));
  EXPECT_THAT(list_zip(folder, pictures).label_names, IsEmpty());  // 00000, 00001 only number them
}

TEST(StyleganImporter, ZipWithoutJsonIsReadAsAFolder) {
  const TempFolder folder;
  const Listing listing = list_zip(folder, {{.name = "train/cat/1.png", .bytes = "x"},
                                            {.name = "train/dog/1.png", .bytes = "x"},
                                            {.name = "val/dog/2.png", .bytes = "x"}});
  EXPECT_THAT(listing.label_names, ElementsAre("cat", "dog"));
  EXPECT_THAT(splits_of(listing), ElementsAre(Split::train, Split::train, Split::validation));
}

TEST(StyleganImporter, UnpackedFolder) {
  const TempFolder folder;
  touch(folder, {"00000/a.png", "00000/b.png"});
  write_text(folder / "dataset.json", R"({"labels": [["00000/a.png", 0], ["00000/b.png", 1]]})");
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "stylegan-zip");
  EXPECT_THAT(listing.sources[1].labels, ElementsAre(0.0f, 1.0f));
}

TEST(StyleganImporter, HostileEntriesAreLeftOut) {
  const TempFolder folder;
  const Listing listing = list_zip(
      folder, {{.name = "ok.png", .bytes = "x"},
               {.name = "../up.png", .bytes = "x"},
               {.name = "a/../../up.png", .bytes = "x"},
               {.name = "/etc/abs.png", .bytes = "x"},
               {.name = "C:/abs.png", .bytes = "x"},
               {.name = "a\\b.png", .bytes = "x"},
               {.name = "ok.png", .bytes = "y"},
               {.name = "secret.png", .bytes = "x", .flags = 1},
               {.name = "link.png", .bytes = "/etc/passwd", .unix_mode = 0120777},
               {.name = "huge.png", .bytes = "x", .zip64 = true, .declared = std::int64_t{1} << 40},
               {.name = "__MACOSX/._ok.png", .bytes = "x"}});
  EXPECT_THAT(keys_of(listing), ElementsAre("ok.png"));
  EXPECT_THAT(
      skipped_of(listing),
      ElementsAre(HasSubstr("../up.png: its name climbs"), HasSubstr("its name climbs"),
                  HasSubstr("/etc/abs.png: an absolute"), HasSubstr("C:/abs.png: an absolute"),
                  HasSubstr("backslash"), HasSubstr("ok.png: the zip has an earlier"),
                  HasSubstr("secret.png: encrypted"), HasSubstr("link.png: a link"),
                  HasSubstr("huge.png: declares more than 256 MiB")));
}

TEST(ZipArchive, EntriesThatLieAreBounded) {
  const TempFolder folder;
  const std::string zeros(std::size_t{3} << 20, '\0');
  write_text(folder / "bomb.zip",
             make_zip({{.name = "bomb.png", .bytes = zeros, .deflated = true, .declared = 100},
                       {.name = "long.png", .bytes = "abc", .deflated = true, .declared = 1000},
                       {.name = "sum.png", .bytes = "abc", .wrong_checksum = true},
                       {.name = "good.png", .bytes = "abc"}}));
  const ZipArchive archive(folder / "bomb.zip");
  const auto message = [&](std::uint64_t i) { return message_of([&] { archive.read(i, "n\n"); }); };
  EXPECT_THAT(message(0), HasSubstr("bomb.zip: n\\x0a: damaged: expected the 100 bytes"));
  EXPECT_THAT(message(1), HasSubstr("damaged: expected the 1000 bytes it declares, found 3"));
  EXPECT_THAT(message(2), HasSubstr("damaged: "));
  EXPECT_EQ(archive.read(3, "good").size(), 3u);
}

TEST(ZipArchive, RefusesWhatIsNoZip) {
  const TempFolder folder;
  write_text(folder / "no.zip", "PK\3\4 and nothing more");
  EXPECT_THAT(message_of([&] { ZipArchive(folder / "no.zip"); }), HasSubstr("no readable zip"));
  std::string cut = make_zip({{.name = "a.png", .bytes = std::string(1000, 'x')}});
  cut.resize(cut.size() - 30);
  write_text(folder / "no.zip", cut);
  EXPECT_THAT(message_of([&] { list_sources(folder / "no.zip"); }), HasSubstr("no readable zip"));
}

TEST(DatasetJson, RefusesWrongShapes) {
  EXPECT_THAT(fault_of("nonsense"), HasSubstr("d.json: expected a JSON object"));
  EXPECT_THAT(fault_of("[1]"), HasSubstr("expected a JSON object"));
  EXPECT_THAT(fault_of(R"({"labels": {"a": 1}})"), HasSubstr("expected null or [[path, label]"));
  EXPECT_THAT(fault_of(R"({"labels": [["a", 0], ["b"]]})"), HasSubstr("labels[1]: expected [path"));
  EXPECT_THAT(fault_of(R"({"labels": [[1, 0]]})"), HasSubstr("labels[0]"));
  EXPECT_THAT(fault_of(R"({"labels": [["a", -1]]})"), HasSubstr("expected a class from 0"));
  EXPECT_THAT(fault_of(R"({"labels": [["a", 4000000000]]})"), HasSubstr("expected a class from 0"));
  EXPECT_THAT(fault_of(R"({"labels": [["a", 1.5]]})"), HasSubstr("expected a class from 0"));
  EXPECT_THAT(fault_of(R"({"labels": [["a", 1], ["b", [1]]]})"), HasSubstr("labels[1]"));
  EXPECT_THAT(fault_of(R"({"labels": [["a", [1]], ["b", 1]]})"), HasSubstr("list of 1 numbers"));
  EXPECT_THAT(fault_of(R"({"labels": [["a", [1]], ["b", [1, 2]]]})"), HasSubstr("list of 1"));
  EXPECT_THAT(fault_of(R"({"labels": [["a", ["x"]]]})"), HasSubstr("expected numbers"));
  EXPECT_THAT(fault_of(R"({"labels": [["a", [1e300]]]})"), HasSubstr("expected numbers"));
  EXPECT_THAT(fault_of(R"({"labels": [["a", 1], ["a", 1]]})"), HasSubstr("second entry of a"));
  EXPECT_THAT(fault_of(std::string(100'000, '[')), HasSubstr("expected a JSON object"));
}

}  // namespace
}  // namespace pgan::data
