#include "data/table_reader.h"

#include <gmock/gmock.h>

#include "data/fixtures.h"
#include "data/row_names.h"

namespace pgan::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(const std::string& text, std::optional<TableFormat> format = {}) {
  const TempFolder folder;
  write_text(folder / "t.csv", text);
  TableReader reader(folder / "t.csv", format);
  Rows rows;
  while (reader.next()) rows.emplace_back(reader.fields().begin(), reader.fields().end());
  return rows;
}

std::string fault_of(const std::string& text) {
  return message_of([&] { rows_of(text); });
}

TEST(TableReader, ReadsRfc4180) {
  EXPECT_EQ(rows_of("a,b\r\n\"x,1\",\"say \"\"so\"\"\"\r\n\"two\nlines\",\r\n"),
            (Rows{{"a", "b"}, {"x,1", "say \"so\""}, {"two\nlines", ""}}));
}

TEST(TableReader, TakesWhatProgramsWrite) {
  EXPECT_EQ(rows_of("\xEF\xBB\xBF"
                    "a,b\n\n1,2"),
            (Rows{{"a", "b"}, {"1", "2"}}));  // mark, no end
  EXPECT_EQ(rows_of("a,b\r1,2\r"), (Rows{{"a", "b"}, {"1", "2"}}));
  EXPECT_EQ(rows_of("a;b\n1,5;2\n"), (Rows{{"a", "b"}, {"1,5", "2"}}));
  EXPECT_EQ(rows_of("a\tb\n1\t2\n"), (Rows{{"a", "b"}, {"1", "2"}}));
  EXPECT_EQ(rows_of("5\" disc,b\n"), (Rows{{"5\" disc", "b"}}));
  EXPECT_EQ(rows_of(",\n"), (Rows{{"", ""}}));
  EXPECT_EQ(rows_of(""), Rows{});
}

TEST(TableReader, ReadsBlanks) {
  EXPECT_EQ(rows_of("  3 \n a  b\tc \r\n   \n\nx \"y\n", TableFormat{' ', false}),
            (Rows{{"3"}, {"a", "b", "c"}, {"x", "\"y"}}));
}

TEST(TableReader, CountsLinesThroughQuotes) {
  const TempFolder folder;
  write_text(folder / "t.csv", "a,b\r\n\"1\r\n2\",x\r\n\r\n3,y\r\n");
  TableReader reader(folder / "t.csv");
  std::vector<std::int64_t> lines;
  while (reader.next()) lines.push_back(reader.line());
  EXPECT_THAT(lines, ElementsAre(1, 2, 5));
  reader.rewind();
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.line(), 1);
}

TEST(TableReader, RefusesWhatIsNoTable) {
  EXPECT_THAT(fault_of("a,b\n\"open,2\n3,4\n"), HasSubstr("t.csv:2: a quote is opened here"));
  EXPECT_THAT(fault_of("a,b\n\"x\"y,2\n"), HasSubstr("t.csv:2: text behind a closing quote"));
  EXPECT_THAT(fault_of(std::string(10'000, ',')), HasSubstr("more than 4096 columns"));
  EXPECT_THAT(fault_of(std::string(3 << 20, 'x')), HasSubstr("1 MiB"));
  EXPECT_THAT(fault_of("\"" + std::string(3 << 20, 'x')), HasSubstr("1 MiB"));
  EXPECT_THAT(fault_of(std::string("\xFF\xFE"
                                   "a\0,\0b\0",
                                   8)),
              HasSubstr("UTF-16"));
}

TEST(TableReader, Numbers) {
  EXPECT_EQ(parse_number(" -1.5e2 "), -150.0f);
  EXPECT_EQ(parse_number("+3"), 3.0f);
  for (const char* text : {"", "x", "1x", "nan", "inf", "1e99", "1,5", "+-1"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(RowNames, FindsByPathOrName) {
  RowNames names;
  EXPECT_TRUE(names.add("a/1.jpg"));
  EXPECT_TRUE(names.add(".\\b\\1.jpg"));
  EXPECT_FALSE(names.add("./a/1.jpg"));
  EXPECT_EQ(names.find("img/a/1.jpg"), 0);
  EXPECT_EQ(names.find("b/1.jpg"), 1);
  EXPECT_EQ(names.find("1.jpg"), -1);
  EXPECT_EQ(names.find("xa/1.jpg"), -1);
}

TEST(RowNames, MatchesWithoutExtensionWhatIsLeft) {
  RowNames names;
  for (const char* name : {"1.jpg", "2", "3.v2", "9.jpg"}) names.add(name);
  Listing listing;
  const auto rows = match_rows(names, {"i/1.jpg", "i/1.png", "i/2.jpg", "i/3.v2.png", "i/4.png"},
                               "t.csv", listing);
  EXPECT_THAT(rows, ElementsAre(0, -1, 1, 2, -1));
  EXPECT_THAT(listing.warnings, ElementsAre("2 pictures left out: no row in t.csv, e.g. i/1.png",
                                            "1 rows of t.csv have no picture, e.g. 9.jpg"));
}

TEST(RowNames, RowForSeveralPicturesIsForNone) {
  RowNames names;
  names.add("1.jpg");
  Listing listing;
  EXPECT_THAT(match_rows(names, {"a/1.jpg", "b/1.jpg"}, "t.csv", listing), ElementsAre(-1, -1));
  ASSERT_EQ(listing.skipped.size(), 2u);
  EXPECT_THAT(listing.skipped[0].reason, HasSubstr("'1.jpg', for several pictures"));
  EXPECT_TRUE(listing.warnings.empty());
}

}  // namespace
}  // namespace pgan::data
