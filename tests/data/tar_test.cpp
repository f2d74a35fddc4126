#include "data/tar.h"

#include <array>
#include <cstdio>

#include "data/fixtures.h"
#include "data/mapped_file.h"

namespace pgan::data {
namespace {

std::span<const std::uint8_t> bytes_of_text(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string output_of(const std::string& command) {
  std::string out;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::array<char, 256> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) out += buffer.data();
  ::pclose(pipe);
  return out;
}

TEST(Tar, ReadsWhatItWrote) {
  const TempFolder folder;
  const std::string small = "hello", block(512, 'x'), empty;
  TarWriter writer(folder / "a.tar");
  const std::uint64_t first = writer.add("00000000.ppm", bytes_of_text(small));
  writer.add("00000000.json", bytes_of_text(block));
  writer.add("00000001.ppm", bytes_of_text(empty));
  const std::string checksum = writer.finish();
  const MappedFile file(folder / "a.tar");
  EXPECT_EQ(file.bytes().size(), writer.bytes());
  EXPECT_EQ(checksum, xxh3_text(file.bytes()));
  const auto entries = read_tar(file.bytes(), "a.tar");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].name, "00000000.ppm");
  EXPECT_EQ(entries[0].offset, first);
  EXPECT_EQ(entries[1].bytes, 512u);
  EXPECT_EQ(file.bytes()[entries[0].offset], 'h');
}

TEST(Tar, OtherToolsReadIt) {
  const TempFolder folder;
  TarWriter writer(folder / "a.tar");
  writer.add("00000000.ppm", bytes_of_text("hello"));
  writer.add("00000000.json", bytes_of_text(std::string(700, 'y')));
  writer.finish();
  const std::string file = (folder / "a.tar").string();
  EXPECT_EQ(output_of("tar tf " + file + " 2>&1"), "00000000.ppm\n00000000.json\n");
  EXPECT_EQ(output_of("tar xOf " + file + " 00000000.ppm 2>&1"), "hello");
}

TEST(Tar, DamageIsFound) {
  const TempFolder folder;
  TarWriter writer(folder / "a.tar");
  writer.add("00000000.ppm", bytes_of_text(std::string(2000, 'z')));
  writer.finish();
  const std::string whole = read_text(folder / "a.tar");
  for (const std::size_t length : {std::size_t{0}, std::size_t{100}, std::size_t{512},
                                   std::size_t{1600}, whole.size() - 1024}) {
    EXPECT_THROW(read_tar(bytes_of_text(whole.substr(0, length)), "a.tar"), DataError) << length;
  }
  std::string changed = whole;
  changed[3] = 'X';
  EXPECT_THROW(read_tar(bytes_of_text(changed), "a.tar"), DataError);
  changed = whole;
  changed[124] = '9';
  EXPECT_THROW(read_tar(bytes_of_text(changed), "a.tar"), DataError);
}

TEST(Tar, LongNamesAreRefused) {
  const TempFolder folder;
  TarWriter writer(folder / "a.tar");
  EXPECT_THROW(writer.add(std::string(101, 'n'), bytes_of_text("x")), DataError);
}

}  // namespace
}  // namespace pgan::data
