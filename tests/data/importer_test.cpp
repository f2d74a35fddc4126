#include "data/importer.h"

#include <gmock/gmock.h>

#include "data/import_fixtures.h"

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
  EXPECT_EQ(listing.crop.kind, Crop::Kind::automatic);
  EXPECT_THAT(listing.warnings, ElementsAre(HasSubstr("000009.jpg"), HasSubstr("000002.jpg"),
                                            HasSubstr("no picture is for training")));
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
  double men = 0;
  for (const Source& source : listing.sources) men += source.labels[20];
  EXPECT_EQ(men, 1243.0);
  const Listing hq = list_sources(test_data() / "celebahq_1024");
  EXPECT_EQ(hq.layout, "celeba-hq");
  EXPECT_EQ(hq.label_names.size(), 40u);
  EXPECT_EQ(hq.sources.size(), 40u);
  EXPECT_TRUE(hq.warnings.empty());
}

TEST(CelebaImporter, NestedFolderAndMissingRows) {
  const TempFolder folder;
  touch(folder, {"img_align_celeba/img_align_celeba/1.jpg"});
  write_text(folder / "list_attr_celeba.txt", "9\nMale\n1.jpg 1\n");
  const Listing listing = list_sources(folder.path());
  EXPECT_THAT(keys_of(listing), ElementsAre("img_align_celeba/img_align_celeba/1.jpg"));
  EXPECT_THAT(listing.warnings, ElementsAre("list_attr_celeba.txt declares 9 rows and has 1"));
}

TEST(CelebaImporter, WithoutAttributesIsAFolder) {
  const TempFolder folder;
  touch(folder, {"img_align_celeba/1.jpg"});
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "folder");
  EXPECT_THAT(listing.warnings, ElementsAre(HasSubstr("list_attr_celeba.txt is missing")));
}

TEST(CelebaHqImporter, ExtensionsMayDiffer) {
  const TempFolder folder;
  touch(folder, {"CelebA-HQ-img/0.png", "CelebA-HQ-img/10.jpg"});
  write_text(folder / "CelebAMask-HQ-attribute-anno.txt",
             "2\nMale Young\n0.jpg  -1  1\n10.jpg  1 -1\n");
  const Listing listing = list_sources(folder.path());
  EXPECT_EQ(listing.layout, "celeba-hq");
  ASSERT_EQ(listing.sources.size(), 2u);
  EXPECT_THAT(listing.sources[0].labels, ElementsAre(0.0f, 1.0f));
  EXPECT_THAT(listing.sources[1].labels, ElementsAre(1.0f, 0.0f));
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

TEST(Importers, SayWhatThereIs) {
  const TempFolder folder;
  const auto fault = [](const fs::path& root, const std::string& layout = "auto") {
    return message_of([&] { list_sources(root, layout); });
  };
  EXPECT_THAT(fault(folder.path()), HasSubstr("an empty folder; the layouts are celeba, "));
  EXPECT_THAT(fault(folder / "absent"), HasSubstr("no such folder or file"));
  touch(folder, {"a.txt", "deep/b.tfrecord", "x.tar.gz", "one.jpg.bin"});
  EXPECT_THAT(fault(folder.path()), HasSubstr("4 files, none of them a picture by its name"));
  EXPECT_THAT(fault(folder / "x.tar.gz"), HasSubstr("unpack it"));
  EXPECT_THAT(fault(folder / "a.txt"), HasSubstr("expected a folder, a zip archive"));
  EXPECT_THAT(fault(folder.path(), "mnist"), HasSubstr("as layout mnist (train-images-idx3"));
  EXPECT_THAT(fault(folder.path(), "nonsense"),
              HasSubstr("--layout: expected auto, celeba, celeba-hq, ffhq, stylegan-zip, mnist"));
  fs::create_symlink("/usr", folder / "deep/out");
  EXPECT_THAT(fault(folder / "deep"), HasSubstr("out: a link that leads out of the folder"));
}

TEST(Importers, NoneThrowsForWhatItDoesNotKnow) {
  const TempFolder folder;
  touch(folder, {"file", "pack/dataset.json", "bad.zip", "dir.jpg/x", "labels.csv", "data.mdb"});
  write_text(folder / "labels.csv", "\"");
  fs::create_symlink("nowhere", folder / "dangling");
  for (const Importer& importer : importers()) {
    for (const char* name : {"", "file", "pack", "bad.zip", "dangling", "absent", "file/below"}) {
      EXPECT_NO_THROW(importer.recognises(folder / name)) << importer.name << " " << name;
      try {
        EXPECT_TRUE(importer.list(folder / name).sources.empty()) << importer.name << " " << name;
      } catch (const DataError&) {
      }
    }
  }
}

}  // namespace
}  // namespace pgan::data
