#include "data/held_out.h"

#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>

#include "data/fixtures.h"

namespace pgan::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PackInfo info_of(std::vector<PackPart> parts) {
  PackInfo info;
  for (const PackPart& part : parts) info.count += part.records.count;
  info.parts = std::move(parts);
  return info;
}

TEST(HeldOutRecords, AreSpreadOverTheTestSplit) {
  const PackInfo info = info_of({{0, Split::train, {0, 100}},
                                 {0, Split::validation, {100, 10}},
                                 {0, Split::test, {110, 10}}});
  EXPECT_THAT(held_out_records(info, 5), ElementsAre(110, 112, 114, 116, 118));
  EXPECT_THAT(held_out_records(info, 3), ElementsAre(110, 113, 116));
  EXPECT_THAT(held_out_records(info, 1), ElementsAre(110));
  EXPECT_EQ(held_out_records(info, 10).size(), 10u);
  EXPECT_EQ(held_out_records(info, 1000).size(), 10u);
  EXPECT_THAT(held_out_records(info, 0), IsEmpty());
  EXPECT_THAT(held_out_records(info, -1), IsEmpty());
}

TEST(HeldOutRecords, ValidationStandsInForTest) {
  const PackInfo both = info_of({{0, Split::train, {0, 4}}, {0, Split::validation, {4, 3}}});
  EXPECT_THAT(held_out_records(both, 9), ElementsAre(4, 5, 6));
  const PackInfo empty = info_of(
      {{0, Split::train, {0, 4}}, {0, Split::validation, {4, 3}}, {0, Split::test, {7, 0}}});
  EXPECT_THAT(held_out_records(empty, 9), ElementsAre(4, 5, 6));
  EXPECT_THAT(held_out_records(info_of({{0, Split::train, {0, 4}}}), 9), IsEmpty());
}

TEST(HeldOutRecords, OfAllDomains) {
  const PackInfo info = info_of({{0, Split::train, {0, 5}},
                                 {0, Split::test, {5, 2}},
                                 {1, Split::train, {7, 5}},
                                 {1, Split::test, {12, 2}}});
  EXPECT_THAT(held_out_records(info, 9), ElementsAre(5, 6, 12, 13));
  EXPECT_THAT(held_out_records(info, 2), ElementsAre(5, 12));
}

class HeldOutTest : public testing::Test {
 protected:
  HeldOutTest() : pack_(synth_pack(folder_, 80, 16)) {}

  HeldOut read(int rank, int ranks, std::int64_t most = 1000) {
    return read_held_out(*pack_, 8, most, rank, ranks, reports_);
  }

  TempFolder folder_;
  std::shared_ptr<const Pack> pack_;
  std::vector<std::string> reports_;
};

TEST_F(HeldOutTest, HoldsPicturesAndLabels) {
  const HeldOut all = read(0, 1);
  const RecordRange test = pack_->info().range(Split::test);
  ASSERT_GT(test.count, 3);
  EXPECT_EQ(std::ssize(all.records), test.count);
  EXPECT_EQ(all.images.scalar_type(), torch::kUInt8);
  EXPECT_EQ(all.images.sizes(), (std::vector<std::int64_t>{test.count, 3, 8, 8}));
  EXPECT_TRUE(all.labels.equal(pack_->labels().narrow(0, test.first, test.count)));
  for (std::int64_t i = 0; i < test.count; ++i) {
    EXPECT_EQ(all.records[static_cast<std::size_t>(i)], test.first + i);
    EXPECT_TRUE(all.images[i].equal(pack_->image(test.first + i, 8)));
  }
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(HeldOutTest, RanksTogetherHoldEachOnce) {
  const HeldOut all = read(0, 1);
  const std::int64_t count = std::ssize(all.records);
  for (const int ranks : {2, 3, static_cast<int>(count) + 1}) {
    std::int64_t seen = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const HeldOut part = read(rank, ranks);
      const std::int64_t rows = std::ssize(part.records);
      ASSERT_EQ(part.images.sizes(), (std::vector<std::int64_t>{rows, 3, 8, 8}));
      ASSERT_EQ(part.labels.size(0), rows);
      for (std::int64_t i = 0; i < rows; ++i, ++seen) {
        const std::int64_t row = rank + i * ranks;
        EXPECT_EQ(part.records[static_cast<std::size_t>(i)],
                  all.records[static_cast<std::size_t>(row)]);
        EXPECT_TRUE(part.images[i].equal(all.images[row]));
        EXPECT_TRUE(part.labels[i].equal(all.labels[row]));
      }
    }
    EXPECT_EQ(seen, count);
  }
}

TEST_F(HeldOutTest, DamagedPicturesAreLeftOut) {
  const HeldOut before = read(0, 1);
  const std::int64_t hit = before.records[1];
  {
    std::fstream file(folder_ / "pack/r0008-00000.tar",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(hit * (512 + 512) + 512 + 40);
    file.write("damage", 6);
  }
  const HeldOut after = read(0, 1);
  EXPECT_EQ(after.records.size() + 1, before.records.size());
  EXPECT_EQ(std::ranges::count(after.records, hit), 0);
  EXPECT_EQ(after.images.size(0), std::ssize(after.records));
  EXPECT_EQ(after.labels.size(0), std::ssize(after.records));
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_THAT(reports_[0], HasSubstr("record " + std::to_string(hit)));
  EXPECT_THAT(reports_[0], HasSubstr("measurements leave it out"));
  read(0, 2);
  EXPECT_EQ(reports_.size(), 1u) << "another rank's";
  read(1, 2);
  EXPECT_EQ(reports_.size(), 2u);
}

TEST_F(HeldOutTest, NothingHeldOutIsEmpty) {
  const HeldOut none = read(0, 1, 0);
  EXPECT_EQ(none.images.sizes(), (std::vector<std::int64_t>{0, 3, 8, 8}));
  EXPECT_EQ(none.labels.sizes(), (std::vector<std::int64_t>{0, pack_->labels().size(1)}));
  EXPECT_THAT(none.records, IsEmpty());
}

TEST_F(HeldOutTest, NeedsTheLevel) {
  EXPECT_THAT(message_of([&] { read_held_out(*pack_, 64, 4, 0, 1, reports_); }),
              HasSubstr("has no level of 64"));
}

}  // namespace
}  // namespace pgan::data
