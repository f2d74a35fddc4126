#include "core/duration.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace pgan {
namespace {

TEST(Duration, UnitsAddUp) {
  EXPECT_EQ(parse_duration("stop-after", "3h50m"), 3 * 3600 + 50 * 60);
  EXPECT_EQ(parse_duration("stop-after", "90s"), 90);
  EXPECT_EQ(parse_duration("stop-after", "2d12h"), 2.5 * 86400);
}

TEST(Duration, AnythingElseIsRefused) {
  for (const char* text : {"", "0s", "10", "h", "3x", "5m3h", "3h3h", "-1h", "1.5h", "3 h",
                           "99999999999999999999s", "3h50"}) {
    EXPECT_THROW(parse_duration("stop-after", text), ConfigError) << text;
  }
}

}  // namespace
}  // namespace pgan
