#include "report/format.h"

#include <limits>

#include <gtest/gtest.h>

namespace pgan::report {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Format, durations_have_two_units) {
  EXPECT_EQ(duration_text(0), "0s");
  EXPECT_EQ(duration_text(45), "45s");
  EXPECT_EQ(duration_text(59.6), "1m00s");
  EXPECT_EQ(duration_text(754), "12m34s");
  EXPECT_EQ(duration_text(3599.9), "1h00m");
  EXPECT_EQ(duration_text(3720), "1h02m");
  EXPECT_EQ(duration_text(86399), "23h59m");
  EXPECT_EQ(duration_text(273600), "3d04h");
}

TEST(Format, durations_that_are_none) {
  EXPECT_EQ(duration_text(-1), "?");
  EXPECT_EQ(duration_text(kNan), "?");
  EXPECT_EQ(duration_text(kInfinity), "?");
  EXPECT_EQ(duration_text(1e300), "?");
}

TEST(Format, bytes) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(812), "812 B");
  EXPECT_EQ(bytes_text(1000), "1.0 kB");
  EXPECT_EQ(bytes_text(9960), "10 kB");
  EXPECT_EQ(bytes_text(93'400'000), "93 MB");
  EXPECT_EQ(bytes_text(999'600'000), "1.0 GB");
  EXPECT_EQ(bytes_text(1'234'567'890), "1.2 GB");
  EXPECT_EQ(bytes_text(std::numeric_limits<std::int64_t>::max()), "9.2 EB");
  EXPECT_EQ(bytes_text(-1), "?");
}

TEST(Format, rates) {
  EXPECT_EQ(rate_text(0.4512), "0.451");
  EXPECT_EQ(rate_text(3.4), "3.4");
  EXPECT_EQ(rate_text(512.3), "512");
  EXPECT_EQ(rate_text(999.7), "1000");
  EXPECT_EQ(rate_text(12345), "12.3k");
  EXPECT_EQ(rate_text(kInfinity), "?");
}

TEST(Format, values) {
  EXPECT_EQ(value_text(-1.234), "-1.23");
  EXPECT_EQ(value_text(0.45), "0.45");
  EXPECT_EQ(value_text(0), "0");
  EXPECT_EQ(value_text(0.004123), "0.00412");
  EXPECT_EQ(value_text(12345.6), "12346");
  EXPECT_EQ(value_text(123456), "1.2e+05");
  EXPECT_EQ(value_text(kNan), "nan");
  EXPECT_EQ(value_text(-kInfinity), "-inf");
}

TEST(Format, shares) {
  EXPECT_EQ(share_text(0.0312), "3%");
  EXPECT_EQ(share_text(1), "100%");
  EXPECT_EQ(share_text(kNan), "?");
}

}  // namespace
}  // namespace pgan::report
