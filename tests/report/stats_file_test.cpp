#include "report/stats_file.h"

#include <limits>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "report/scratch.h"

namespace pgan::report {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

Json line(std::int64_t step) {
  return {{"step", step}, {"kimg", 0.5}, {"resolution", 8}, {"alpha", 1.0}};
}

TEST(StatsFile, writes_one_object_a_line_at_once) {
  const Scratch scratch;
  StatsFile stats(scratch / "stats.jsonl");
  stats.append(line(1));
  EXPECT_EQ(read(scratch / "stats.jsonl"),
            "{\"step\":1,\"kimg\":0.5,\"resolution\":8,\"alpha\":1.0}\n");
}

TEST(StatsFile, resume_drops_what_came_after_and_what_is_torn) {
  const Scratch scratch;
  const std::string kept = "{\"step\": 1, \"kimg\": 0.1}\n{\"step\":20}\n";
  write_text(scratch / "stats.jsonl", kept + "{\"step\":21}\n{\"step\":30}\n{\"step\":2,\"ki");
  StatsFile stats(scratch / "stats.jsonl", 20);
  EXPECT_EQ(read(scratch / "stats.jsonl"), kept);
  EXPECT_EQ(stats.last_step(), 20);
  stats.append(line(21));
  EXPECT_EQ(stats.last_step(), 21);
  EXPECT_THAT(read(scratch / "stats.jsonl"), HasSubstr(kept + "{\"step\":21,\"kimg\""));
}

TEST(StatsFile, resume_drops_lines_that_have_no_step) {
  const Scratch scratch;
  write_text(scratch / "stats.jsonl",
             "[1]\n\nnull\n{}\n{\"step\":\"1\"}\n{\"step\":1.5}\n{\"step\":18446744073709551615}\n"
             "\xff\xfe\n{\"step\":3}");
  const StatsFile stats(scratch / "stats.jsonl", 5);
  EXPECT_EQ(read(scratch / "stats.jsonl"), "{\"step\":3}\n");
}

TEST(StatsFile, fresh_start_empties_the_file) {
  const Scratch scratch;
  write_text(scratch / "stats.jsonl", "{\"step\":0}\n");
  const StatsFile stats(scratch / "stats.jsonl");
  EXPECT_EQ(read(scratch / "stats.jsonl"), "");
}

TEST(StatsFile, non_finite_numbers_are_null) {
  const Scratch scratch;
  StatsFile stats(scratch / "stats.jsonl");
  Json value = line(1);
  value["loss_D"] = std::numeric_limits<double>::quiet_NaN();
  value["loss_G"] = -std::numeric_limits<double>::infinity();
  value["text"] = "\xff";
  stats.append(value);
  const auto back = nlohmann::json::parse(read(scratch / "stats.jsonl"));
  EXPECT_TRUE(back.at("loss_D").is_null());
  EXPECT_TRUE(back.at("loss_G").is_null());
}

TEST(StatsFile, asks_for_the_fields_that_every_line_has) {
  const Scratch scratch;
  StatsFile stats(scratch / "stats.jsonl");
  for (const char* name : {"step", "kimg", "resolution", "alpha"}) {
    Json value = line(1);
    value.erase(name);
    EXPECT_THROW(stats.append(value), std::invalid_argument) << name;
  }
  Json value = line(1);
  value["step"] = 1.0;
  EXPECT_THROW(stats.append(value), std::invalid_argument);
  EXPECT_THROW(stats.append(Json::array()), std::invalid_argument);
  EXPECT_EQ(read(scratch / "stats.jsonl"), "");
}

TEST(StatsFile, bad_place_is_a_usage_error) {
  const Scratch scratch;
  EXPECT_THROW(StatsFile(scratch / "missing/stats.jsonl"), ConfigError);
}

}  // namespace
}  // namespace pgan::report
