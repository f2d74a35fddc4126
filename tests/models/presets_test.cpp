#include <gtest/gtest.h>

#include "core/rows.h"
#include "models/progressive.h"

namespace pgan::models {
namespace {

std::string value_of(const Preset& preset, const std::string& name) {
  for (const auto& [key, value] : preset.values) {
    if (key == name) return value;
  }
  return "";
}

Preset named(const std::string& name) {
  for (const Preset& preset : progressive_presets()) {
    if (preset.name == name) return preset;
  }
  throw std::runtime_error("no preset " + name);
}

/// The published tables, typed in by hand.
TEST(Presets, MinibatchesAndRatesAreThePublishedOnes) {
  EXPECT_EQ(value_of(named("published-1"), "minibatch"), "4:128,32:64,64:32,128:16,256:8,512:4");
  EXPECT_EQ(value_of(named("published-2"), "minibatch"), "4:256,16:128,32:64,64:32,128:16,256:8");
  EXPECT_EQ(value_of(named("published-4"), "minibatch"), "4:512,8:256,16:128,32:64,64:32,128:16");
  EXPECT_EQ(value_of(named("published-8"), "minibatch"), "4:512,8:256,16:128,32:64,64:32");
  EXPECT_EQ(value_of(named("published-8"), "learning-rate"),
            "4:0.001,128:0.0015,256:0.002,512:0.003");
  EXPECT_EQ(value_of(named("paper"), "minibatch"), "4:16,256:14,512:6,1024:3");
  EXPECT_EQ(value_of(named("paper"), "stddev-group"), "16");
}

TEST(Presets, TheSmallestThatFitsTheRanksIsTaken) {
  EXPECT_EQ(progressive_preset_for_ranks(1).name, "published-1");
  EXPECT_EQ(progressive_preset_for_ranks(2).name, "published-2");
  EXPECT_EQ(progressive_preset_for_ranks(4).name, "published-4");
  EXPECT_EQ(progressive_preset_for_ranks(8).name, "published-8");
  EXPECT_EQ(value_of(progressive_preset_for_ranks(16), "minibatch"), "4:512,8:256,16:128,32:64");
}

TEST(Presets, AnyRankCountGetsAMinibatchThatFits) {
  for (const int ranks : {1, 2, 3, 5, 6, 7, 8, 12, 16, 24, 100, 512, 1000}) {
    const std::string table = value_of(progressive_preset_for_ranks(ranks), "minibatch");
    for (std::size_t at = 0; at != std::string::npos; at = table.find(',', at + 1)) {
      const std::int64_t minibatch = std::stoll(table.substr(table.find(':', at) + 1));
      EXPECT_NO_THROW(share_rows(minibatch, 4, 0, ranks)) << ranks << " ranks: " << table;
    }
  }
}

}  // namespace
}  // namespace pgan::models
