#include "report/files.h"

#include <sys/stat.h>

#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/scratch.h"

namespace pgan::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(WriteText, replaces_and_leaves_no_temporary) {
  const Scratch scratch;
  write_text(scratch / "a.txt", "first");
  write_text(scratch / "a.txt", "2nd");
  EXPECT_EQ(read(scratch / "a.txt"), "2nd");
  EXPECT_THAT(names_in(scratch.path()), ElementsAre("a.txt"));
}

TEST(WriteText, full_disk_leaves_the_old_file) {
  const Scratch scratch;
  write_text(scratch / "a.txt", "old");
  const Failure failure = [&] {
    const FileSizeLimit limit(1000);
    return failure_of([&] { write_text(scratch / "a.txt", std::string(5000, 'x')); });
  }();
  EXPECT_EQ(failure.code, ExitCode::data);
  EXPECT_THAT(failure.message, HasSubstr("a.txt"));
  EXPECT_EQ(read(scratch / "a.txt"), "old");
  EXPECT_THAT(names_in(scratch.path()), ElementsAre("a.txt"));
}

TEST(WriteText, bad_places_are_usage_errors) {
  const Scratch scratch;
  write_text(scratch / "file", "");
  for (const char* place : {"missing/a.txt", "file/a.txt"}) {
    const Failure failure = failure_of([&] { write_text(scratch / place, "x"); });
    EXPECT_EQ(failure.code, ExitCode::usage) << place;
    EXPECT_THAT(failure.message, HasSubstr(place));
  }
}

TEST(WriteText, devices_and_folders_are_not_replaced) {
  const Scratch scratch;
  ASSERT_EQ(::mkfifo((scratch / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(write_text(scratch / "pipe", "x"), ConfigError);
  EXPECT_TRUE(std::filesystem::is_fifo(scratch / "pipe"));
  EXPECT_THROW(write_text(scratch.path(), "x"), ConfigError);
}

TEST(FileError, sorts_reasons_by_who_can_help) {
  const auto code = [](int error) {
    return failure_of([&] { throw_file_error("cannot write", "f", error); }).code;
  };
  EXPECT_EQ(code(EACCES), ExitCode::usage);
  EXPECT_EQ(code(EROFS), ExitCode::usage);
  EXPECT_EQ(code(ENOSPC), ExitCode::data);
  EXPECT_EQ(code(EDQUOT), ExitCode::data);
  EXPECT_EQ(code(EIO), ExitCode::data);
  EXPECT_EQ(failure_of([] { throw_file_error("cannot write", "f", ENOSPC); }).message,
            "cannot write f: No space left on device; free some space, then run the same command "
            "again");
}

TEST(AppendFile, goes_on_where_it_ended) {
  const Scratch scratch;
  AppendFile(scratch / "log").append("one\n");
  AppendFile(scratch / "log").append("two\n");
  EXPECT_EQ(read(scratch / "log"), "one\ntwo\n");
}

TEST(AppendFile, full_disk_tears_no_piece) {
  const Scratch scratch;
  AppendFile file(scratch / "log");
  file.append("whole\n");
  {
    const FileSizeLimit limit(10);
    EXPECT_THROW(file.append("does not fit\n"), DataError);
  }
  EXPECT_EQ(read(scratch / "log"), "whole\n");
  file.append("again\n");
  EXPECT_EQ(read(scratch / "log"), "whole\nagain\n");
}

}  // namespace
}  // namespace pgan::report
