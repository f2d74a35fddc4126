#include <gmock/gmock.h>

#include "data/import_fixtures.h"

namespace pgan::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string fault_of(const TempFolder& folder, const std::string& layout = "auto") {
  return message_of([&] { list_sources(folder.path(), layout); });
}

TEST(CaptionsImporter, ReadsCsv) {
  const TempFolder folder;
  touch(folder, {"img/b.jpg", "img/a.jpg", "img/c.jpg"});
  write_text(folder / "captions.csv",
             "image,caption\na.jpg,\"a dog, \"\"Rex\"\"\nruns\"\nb.jpg, two \na.jpg,second\n"
             "gone.jpg,x\na.jpg,\n,y\nb.jpg,spilled, over\n");
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "captions");
  EXPECT_THAT(keys_of(listing), ElementsAre("img/a.jpg", "img/b.jpg"));
  EXPECT_THAT(listing.sources[0].captions, ElementsAre("a dog, \"Rex\"\nruns", "second"));
  EXPECT_THAT(listing.sources[1].captions, ElementsAre("two", "spilled, over"));
  EXPECT_THAT(listing.warnings,
              ElementsAre(HasSubstr("1 pictures left out: no row in captions.csv, e.g. img/c.jpg"),
                          HasSubstr("1 rows of captions.csv have no picture, e.g. gone.jpg"),
                          HasSubstr("2 rows of captions.csv left out")));
}

TEST(CaptionsImporter, ReadsFlickrTokens) {
  const TempFolder folder;
  touch(folder, {"Flicker8k_Dataset/1.jpg", "Flicker8k_Dataset/2.jpg"});
  fs::create_directory(folder / "Flickr8k_text");
  write_text(folder / "Flickr8k_text/Flickr8k.token.txt",
             "1.jpg#0\tA \"quoted, one .\n1.jpg#1\ttwo\n2.jpg#0\tthree\nno mark\tx\n2.jpg#x\ty\n");
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "captions");
  ASSERT_EQ(listing.sources.size(), 2u);
  EXPECT_THAT(listing.sources[0].captions, ElementsAre("A \"quoted, one .", "two"));
  EXPECT_THAT(listing.warnings, ElementsAre(HasSubstr("2 rows of Flickr8k.token.txt left out")));
}

TEST(CaptionsImporter, ReadsFlickr30kAndKaggle) {
  const TempFolder folder;
  touch(folder, {"images/1.jpg"});
  write_text(folder / "results.csv", "image_name| comment_number| comment\n1.jpg| 0| One, two .\n");
  EXPECT_THAT(list_sources(folder.path()).sources[0].captions, ElementsAre("One, two ."));
  fs::remove(folder / "results.csv");
  write_text(folder / "captions.txt", "image,caption\n1.jpg,Three\n");
  EXPECT_THAT(list_sources(folder.path()).sources[0].captions, ElementsAre("Three"));
}

TEST(CaptionsImporter, RefusesDamagedTables) {
  const TempFolder folder;
  touch(folder, {"1.jpg"});
  write_text(folder / "captions.csv", "image,caption\n1.jpg,\"open\n");
  EXPECT_THAT(fault_of(folder), HasSubstr("captions.csv:2: a quote is opened here"));
  write_text(folder / "captions.csv", "image,caption\nother.jpg,x\n");
  EXPECT_THAT(fault_of(folder), HasSubstr("holds no picture to pack: 1 pictures left out: no row"));
}

TEST(CaptionsImporter, RealOnes) {
  const fs::path root = test_data() / "flickr8k";
  PGAN_NEEDS_TEST_DATA(root);
  const Listing listing = list_sources(root);
  EXPECT_EQ(listing.layout, "captions");
  ASSERT_EQ(listing.sources.size(), 160u);
  for (const Source& source : listing.sources) EXPECT_EQ(source.captions.size(), 5u);
  EXPECT_EQ(listing.sources[0].key, "img/1001773457_577c3a7d70.jpg");
  EXPECT_EQ(listing.sources[0].captions[4], "Two dogs on pavement moving toward each other .");
  EXPECT_THAT(listing.warnings, IsEmpty());
}

TEST(TableImporter, NumbersTextsAndSplits) {
  const TempFolder folder;
  touch(folder, {"img/a.jpg", "img/b.jpg", "img/c.jpg", "img/d.jpg", "img/e.jpg", "img/f.jpg"});
  write_text(folder / "labels.csv",
             "file,age,colour,split\na.jpg,1.5,red,train\nb.jpg,-2,blue,val\nc.jpg,,red,train\n"
             "d.jpg,3,red\ne.jpg,4,red,sometime\n,5,red,test\n");
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "table");
  EXPECT_THAT(listing.label_names, ElementsAre("age", "colour=blue", "colour=red"));
  EXPECT_THAT(keys_of(listing), ElementsAre("img/a.jpg", "img/b.jpg"));
  EXPECT_THAT(listing.sources[0].labels, ElementsAre(1.5f, 0.0f, 1.0f));
  EXPECT_THAT(listing.sources[1].labels, ElementsAre(-2.0f, 1.0f, 0.0f));
  EXPECT_THAT(splits_of(listing), ElementsAre(Split::train, Split::validation));
  EXPECT_THAT(skipped_of(listing),
              ElementsAre("c.jpg: labels.csv:4: no value of 'age'",
                          "d.jpg: labels.csv:5: expected 4 cells, found 3",
                          "e.jpg: labels.csv:6: expected a split of train, val or test, found "
                          "'sometime'",
                          ": labels.csv:7: no value of 'file'"));
  EXPECT_THAT(listing.warnings,
              ElementsAre(HasSubstr("1 pictures left out: no row in labels.csv, e.g. img/f.jpg")));
}

TEST(TableImporter, RepeatedRowsAndTextsWithoutEnd) {
  const TempFolder folder;
  std::string table = "file,path,age\n";
  for (int i = 0; i < 70; ++i) {
    const std::string name = std::to_string(100 + i) + ".jpg";
    write_text(folder / name, "x");
    table += name + ",some/where/" + std::to_string(i) + "," + std::to_string(i) + "\n";
  }
  write_text(folder / "labels.csv", table + "100.jpg,x,99\n");
  const Listing listing = list_sources(folder.path());
  EXPECT_THAT(listing.label_names, ElementsAre("age"));
  EXPECT_EQ(listing.sources.size(), 70u);
  EXPECT_THAT(listing.sources[0].labels, ElementsAre(0.0f));
  EXPECT_THAT(listing.warnings,
              ElementsAre(HasSubstr("column 'path' left out"),
                          HasSubstr("1 rows of labels.csv name a picture once more (its first row "
                                    "counts), e.g. 100.jpg in line 72")));
}

TEST(TableImporter, AColumnOfNumbersWithAWordIsOfTexts) {
  const TempFolder folder;
  touch(folder, {"a.jpg", "b.jpg"});
  write_text(folder / "t.csv", "file,n\na.jpg,1\nb.jpg,many\n");
  EXPECT_THAT(list_sources(folder.path()).label_names, ElementsAre("n=1", "n=many"));
}

TEST(TableImporter, RefusesWhatIsNoTable) {
  const TempFolder folder;
  touch(folder, {"a.jpg", "b.jpg"});
  write_text(folder / "t.csv", "a.jpg,1,2\nb.jpg,3,4\n");
  EXPECT_THAT(fault_of(folder),
              HasSubstr("t.csv:1: expected a line of column names, found numbers"));
  write_text(folder / "t.csv", "file" + std::string(10'000, ',') + "\na.jpg\n");
  EXPECT_THAT(fault_of(folder, "table"), HasSubstr("holds no picture to pack"));
  write_text(folder / "t.csv", "file,n\na.jpg,1\n");
  write_text(folder / "u.csv", "file,n\na.jpg,1\n");
  EXPECT_THAT(fault_of(folder), HasSubstr("several tables name pictures (t.csv, u.csv)"));
  const Listing one = list_sources(folder / "u.csv");
  EXPECT_EQ(one.layout, "table");
  EXPECT_THAT(keys_of(one), ElementsAre("a.jpg"));
}

TEST(TableImporter, RealOnes) {
  const fs::path root = test_data() / "utkface_200";
  PGAN_NEEDS_TEST_DATA(root);
  const Listing listing = list_sources(root);
  EXPECT_EQ(listing.layout, "table");
  EXPECT_THAT(listing.label_names, ElementsAre("age", "gender", "race"));
  ASSERT_EQ(listing.sources.size(), 640u);
  double ages = 0;
  for (const Source& source : listing.sources) ages += source.labels[0];
  EXPECT_EQ(ages, 19140.0);
  EXPECT_THAT(listing.warnings, IsEmpty());
}

}  // namespace
}  // namespace pgan::data
