#include "data/importer.h"

#include <gmock/gmock.h>

#include "data/fixtures.h"

namespace pgan::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Rows in another order than the pictures, variable spaces, one row and one picture too many.
void make_celeba(const TempFolder& folder) {
  fs::create_directory(folder / "img_align_celeba");
  for (const char* name : {"000003.jpg", "000001.jpg", "000009.jpg", "notes.txt"}) {
    write_text(folder / "img_align_celeba" / name, "x");
  }
  write_text(folder / "list_attr_celeba.txt",
             "3\r\nMale Young  Smiling \r\n000003.jpg  1 -1  1\r\n000001.jpg -1  1 -1 "
             "\r\n000002.jpg 1 1 1\r\n");
  write_text(folder / "list_eval_partition.txt", "000001.jpg 2\n000003.jpg 1\n");
}

TEST(CelebaImporter, JoinsByFileName) {
  const TempFolder folder;
  make_celeba(folder);
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "celeba");
  EXPECT_THAT(listing.label_names, ElementsAre("Male", "Young", "Smiling"));
  ASSERT_EQ(listing.sources.size(), 2u);
  EXPECT_EQ(listing.sources[0].key, "img_align_celeba/000001.jpg");
  EXPECT_THAT(listing.sources[0].labels, ElementsAre(0.0f, 1.0f, 0.0f));
  EXPECT_EQ(listing.sources[0].split, Split::test);
  EXPECT_THAT(listing.sources[1].labels, ElementsAre(1.0f, 0.0f, 1.0f));
  EXPECT_EQ(listing.sources[1].split, Split::validation);
  EXPECT_EQ(listing.crop, Crop::automatic);
  EXPECT_THAT(listing.warnings, ElementsAre(HasSubstr("000009.jpg"), HasSubstr("000002.jpg")));
}

TEST(CelebaImporter, ReadsCsv) {
  const TempFolder folder;
  fs::create_directory(folder / "img_align_celeba");
  write_text(folder / "img_align_celeba" / "1.jpg", "x");
  write_text(folder / "list_attr_celeba.csv", "image_id,Male,Young\n1.jpg,-1,1\n");
  write_text(folder / "list_eval_partition.csv", "image_id,partition\n1.jpg,1\n");
  const Listing listing = list_sources(folder.path());
  ASSERT_EQ(listing.sources.size(), 1u);
  EXPECT_THAT(listing.label_names, ElementsAre("Male", "Young"));
  EXPECT_THAT(listing.sources[0].labels, ElementsAre(0.0f, 1.0f));
  EXPECT_EQ(listing.sources[0].split, Split::validation);
}

TEST(CelebaImporter, NamesFileAndLineOfBadRows) {
  const TempFolder folder;
  make_celeba(folder);
  const auto list = [&] { list_sources(folder.path()); };
  write_text(folder / "list_attr_celeba.txt", "1\nMale Young\n000001.jpg 1\n");
  EXPECT_THAT(message_of(list),
              HasSubstr("list_attr_celeba.txt:3: expected a file name and 2 values"));
  write_text(folder / "list_attr_celeba.txt", "1\nMale Young\n000001.jpg 1 yes\n");
  EXPECT_THAT(message_of(list), HasSubstr("found 'yes'"));
  write_text(folder / "list_attr_celeba.txt", "1\nMale\n000001.jpg 7\n");
  EXPECT_THAT(message_of(list), HasSubstr("expected attributes of -1, 0 or 1"));
  write_text(folder / "list_attr_celeba.txt", "1\nMale\n000001.jpg 1\n000001.jpg 1\n");
  EXPECT_THAT(message_of(list), HasSubstr("second row"));
  write_text(folder / "list_attr_celeba.txt", "");
  EXPECT_THAT(message_of(list), HasSubstr("has no rows"));
}

TEST(CelebaImporter, RealOnes) {
  PGAN_NEEDS_TEST_DATA(test_data() / "celeba_89x109");
  const Listing listing = list_sources(test_data() / "celeba_89x109");
  EXPECT_EQ(listing.layout, "celeba");
  EXPECT_EQ(listing.label_names.size(), 40u);
  EXPECT_EQ(listing.sources.size(), 3000u);
  EXPECT_TRUE(listing.warnings.empty());
}

TEST(FolderImporter, PlainFolderHasNoLabels) {
  const TempFolder folder;
  fs::create_directories(folder / "deep/er");
  write_text(folder / "b.PNG", "x");
  write_text(folder / "deep/er/a.jpeg", "x");
  write_text(folder / "readme.md", "x");
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "folder");
  ASSERT_EQ(listing.sources.size(), 2u);
  EXPECT_EQ(listing.sources[1].key, "deep/er/a.jpeg");
  EXPECT_TRUE(listing.label_names.empty());
}

TEST(FolderImporter, FoldersAreClasses) {
  const TempFolder folder;
  for (const char* name : {"dog/1.jpg", "cat/2.jpg", "cat/1.jpg"}) {
    fs::create_directories((folder / name).parent_path());
    write_text(folder / name, "x");
  }
  const Listing listing = list_sources(folder.path());
  EXPECT_THAT(listing.label_names, ElementsAre("cat", "dog"));
  ASSERT_EQ(listing.sources.size(), 3u);
  EXPECT_THAT(listing.sources[2].labels, ElementsAre(0.0f, 1.0f));
}

TEST(Importers, OtherFoldersAreRefused) {
  const TempFolder folder;
  EXPECT_THROW(list_sources(folder.path()), DataError);
  EXPECT_THROW(list_sources(folder / "absent"), DataError);
}

}  // namespace
}  // namespace pgan::data
