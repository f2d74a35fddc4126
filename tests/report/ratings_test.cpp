#include "report/ratings.h"

#include <gtest/gtest.h>

#include "report/scratch.h"

namespace pgan::report {
namespace {

TEST(Ratings, the_last_line_up_to_a_checkpoint_counts) {
  const Scratch scratch;
  const RunFolder folder(scratch.path());
  write_text(folder.metrics(),
             "{\"step\":1,\"kimg\":0.1,\"fid\":90.5}\n{\"step\":2,\"kimg\":0.2,\"fid\":null}\n"
             "torn\n{\"step\":3,\"kimg\":0.30000000000000004,\"fid\":40,\"is\":2}\n");
  write_text(folder.stats(), "{\"step\":1,\"kimg\":0.05,\"fid\":1,\"d_real\":-3}\n");
  const Ratings small(folder, "fid"), large(folder, "fid:max");
  EXPECT_EQ(small.at(99), -1);  // stats.jsonl, since metrics.jsonl has none yet
  EXPECT_EQ(small.at(100), -90.5);
  EXPECT_EQ(small.at(299), -90.5);
  EXPECT_EQ(small.at(300), -40);
  EXPECT_EQ(large.at(300), 40);
  EXPECT_EQ(Ratings(folder, "is:min").at(200), std::nullopt);
  EXPECT_EQ(Ratings(folder, "d_real").at(1000), 3);
  EXPECT_EQ(Ratings(folder, "nothing").at(1000), std::nullopt);
}

TEST(Ratings, a_metric_needs_a_name_and_a_known_order) {
  const RunFolder folder("/nowhere");
  EXPECT_EQ(failure_of([&] { Ratings(folder, ":max"); }).code, ExitCode::usage);
  EXPECT_EQ(failure_of([&] { Ratings(folder, "fid:best"); }).code, ExitCode::usage);
  EXPECT_EQ(Ratings(folder, "fid").at(1), std::nullopt);
}

}  // namespace
}  // namespace pgan::report
