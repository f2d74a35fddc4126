#include "data/picture_files.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/import_fixtures.h"
#include "data/printable.h"

namespace pgan::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> skipped_in(const FoundPictures& found) {
  Listing listing;
  listing.skipped = found.skipped;
  return skipped_of(listing);
}

TEST(Printable, IsOneLineOfUtf8) {
  EXPECT_EQ(printable("Zoë 猫 🐈.jpg"), "Zoë 猫 🐈.jpg");
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  EXPECT_EQ(printable("\xC0\xAF \xED\xA0\x80 \xF4\x90\x80\x80 \xE2\x82"),
            "\\xc0\\xaf \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80 \\xe2\\x82");
  EXPECT_EQ(printable("\xC2\x85 \xE2\x80\xA8 \xE2\x80\xAE \xE2\x81\xA6"),
            "\\xc2\\x85 \\xe2\\x80\\xa8 \\xe2\\x80\\xae \\xe2\\x81\\xa6");
  EXPECT_EQ(printable("\\x0a"), "\\x5cx0a");  // no name looks like another's
}

TEST(PictureFiles, NamesOfPictures) {
  for (const char* name : {"a.jpg", "A.JPEG", "a.b.Png", "x.tiff", "y.webp", "p.ppm"}) {
    EXPECT_TRUE(is_picture_name(name)) << name;
  }
  for (const char* name : {"jpg", "a.jpg.txt", "a.", "", "a.gif", "a.jpgx", "a.jp"}) {
    EXPECT_FALSE(is_picture_name(name)) << name;
  }
}

TEST(PictureFiles, FindsOddNamesAndSortsThem) {
  const TempFolder folder;
  touch(folder, {"b c/new\nline.jpg", "a.PNG", "\xFF.jpg", "猫/1.jpg", ".hidden.jpg", ".git/2.jpg",
                 "__MACOSX/3.jpg", "notes.txt", "b c/README"});
  const FoundPictures found = find_pictures(folder.path());
  EXPECT_THAT(found.keys, ElementsAre("a.PNG", "b c/new\nline.jpg", "猫/1.jpg", "\xFF.jpg"));
  EXPECT_THAT(found.skipped, IsEmpty());
  EXPECT_EQ(found.others, 2u);
  EXPECT_THAT(find_pictures(folder.path(), "b c").keys, ElementsAre("b c/new\nline.jpg"));
  EXPECT_EQ(find_pictures(folder.path(), {}, 2).keys.size(), 2u);
}

TEST(PictureFiles, FollowsLinksThatStayInside) {
  const TempFolder folder;
  touch(folder, {"set/real/1.jpg", "outside.jpg", "other/2.jpg"});
  fs::create_symlink("real/1.jpg", folder / "set/link.jpg");
  fs::create_symlink("real", folder / "set/again");
  fs::create_symlink("../outside.jpg", folder / "set/out.jpg");
  fs::create_symlink(folder / "other", folder / "set/out");
  fs::create_symlink("nowhere.jpg", folder / "set/gone.jpg");
  const FoundPictures found = find_pictures(folder / "set");
  EXPECT_THAT(found.keys, ElementsAre("again/1.jpg", "link.jpg", "real/1.jpg"));
  EXPECT_THAT(skipped_in(found), ElementsAre(HasSubstr("gone.jpg: a link that leads nowhere"),
                                             HasSubstr("out: a link that leads out of the folder"),
                                             HasSubstr("out.jpg: a link that leads out")));
}

TEST(PictureFiles, ALinkedStartMustLieInside) {
  const TempFolder folder;
  touch(folder, {"elsewhere/1.jpg", "set/x.txt"});
  fs::create_symlink("../elsewhere", folder / "set/images");
  const FoundPictures found = find_pictures(folder / "set", "images");
  EXPECT_THAT(found.keys, IsEmpty());
  EXPECT_THAT(skipped_in(found), ElementsAre(HasSubstr("images: a link that leads out")));
}

TEST(PictureFiles, CirclesOfLinksEnd) {
  const TempFolder folder;
  touch(folder, {"a/1.jpg", "b/2.jpg"});
  fs::create_symlink(".", folder / "a/self");
  fs::create_symlink("../b", folder / "a/to_b");
  fs::create_symlink("../a", folder / "b/to_a");
  fs::create_symlink("loop", folder / "loop");
  const FoundPictures found = find_pictures(folder.path());
  EXPECT_THAT(found.keys, ElementsAre("a/1.jpg", "a/to_b/2.jpg", "a/to_b/to_a/1.jpg", "b/2.jpg"));
  EXPECT_EQ(found.skipped.size(), 5u);
}

TEST(PictureFiles, PipesAreNotOpened) {
  const TempFolder folder;
  touch(folder, {"1.jpg"});
  ASSERT_EQ(mkfifo((folder / "pipe.jpg").c_str(), 0600), 0);
  fs::create_symlink("pipe.jpg", folder / "link.jpg");
  const FoundPictures found = find_pictures(folder.path());
  EXPECT_THAT(found.keys, ElementsAre("1.jpg"));
  EXPECT_THAT(skipped_in(found), ElementsAre(HasSubstr("link.jpg: not a file but a pipe"),
                                             HasSubstr("pipe.jpg: not a file but a pipe")));
}

TEST(PictureFiles, UnreadableFoldersDoNotEndTheListing) {
  const TempFolder folder;
  touch(folder, {"1.jpg", "locked/2.jpg"});
  fs::permissions(folder.path(), fs::perms(0755));
  fs::permissions(folder / "locked", fs::perms::none);
  const bool root = geteuid() == 0;  // who may read everything
  ASSERT_TRUE(!root || seteuid(65534) == 0);
  const FoundPictures found = find_pictures(folder.path());
  ASSERT_TRUE(!root || seteuid(0) == 0);
  fs::permissions(folder / "locked", fs::perms::owner_all);
  EXPECT_THAT(found.keys, ElementsAre("1.jpg"));
  EXPECT_THAT(skipped_in(found),
              ElementsAre(HasSubstr("locked: the folder cannot be read: Permission denied")));
}

TEST(PictureFiles, MessagesAreOneLine) {
  const TempFolder folder;
  touch(folder, {"new\nline.jpg"});
  const Listing listing = list_sources(folder.path());
  const auto read = [&] { listing.pictures->read(listing.sources[0], {}); };
  EXPECT_THAT(message_of(read), HasSubstr("new\\x0aline.jpg"));
}

}  // namespace
}  // namespace pgan::data
