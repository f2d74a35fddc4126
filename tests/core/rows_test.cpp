#include "core/rows.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace pgan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Rows, GroupIsTheLargestDivisorUpToTheLimit) {
  EXPECT_EQ(group_size_of(16, 4), 4);
  EXPECT_EQ(group_size_of(14, 4), 2);
  EXPECT_EQ(group_size_of(3, 4), 3);
  EXPECT_EQ(group_size_of(6, 4), 3);
  EXPECT_EQ(group_size_of(7, 4), 1);
  EXPECT_EQ(group_size_of(14, 16), 14);
}

TEST(Rows, ARankOwnsWholeStridedGroupsOrderedByMemberThenGroup) {
  // 16 rows, groups of 4: M = 4 groups, group j holds rows j, 4+j, 8+j, 12+j.
  EXPECT_THAT(share_rows(16, 4, 0, 2).rows, ElementsAre(0, 1, 4, 5, 8, 9, 12, 13));
  EXPECT_THAT(share_rows(16, 4, 1, 2).rows, ElementsAre(2, 3, 6, 7, 10, 11, 14, 15));
  EXPECT_THAT(share_rows(16, 4, 3, 4).rows, ElementsAre(3, 7, 11, 15));
}

TEST(Rows, RanksTogetherHoldEveryRowOnce) {
  for (const int ranks : {1, 2, 3, 6}) {
    std::vector<std::int64_t> rows;
    for (int rank = 0; rank < ranks; ++rank) {
      const RowShare share = share_rows(24, 4, rank, ranks);
      EXPECT_EQ(share.global, 24);
      rows.insert(rows.end(), share.rows.begin(), share.rows.end());
    }
    std::ranges::sort(rows);
    for (std::int64_t i = 0; i < 24; ++i) EXPECT_EQ(rows.at(static_cast<std::size_t>(i)), i);
  }
}

TEST(Rows, AMinibatchThatDoesNotFitNamesWhatDoes) {
  try {
    share_rows(16, 4, 0, 16, "at 32x32");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_THAT(error.what(), HasSubstr("minibatch 16 at 32x32"));
    EXPECT_THAT(error.what(), HasSubstr("16 ranks"));
    EXPECT_THAT(error.what(), HasSubstr("1, 2, 4 ranks"));
    EXPECT_THAT(error.what(), HasSubstr("64"));
  }
}

}  // namespace
}  // namespace pgan
