#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/manifest.h"
#include "core/error.h"

namespace pgan::checkpoint {
namespace {

using ::testing::HasSubstr;

Manifest make() {
  Manifest manifest;
  manifest.recipe = "progressive";
  manifest.progress = {12, 768};
  manifest.growth = {8, 0.1};
  manifest.config = {{"seed", "3"}};
  manifest.ranks = 2;
  manifest.tensors = {{"w", {torch::kFloat32, {2, 3}}}, {"e", {torch::kFloat32, {0}}}};
  manifest.shards = {{shard_name(0, 2), 100, 0xfeedfacecafebeefULL, {{"w", 0, 4, 1}}},
                     {shard_name(1, 2), 90, 2, {{"w", 4, 2, 0xffffffffffffffffULL}}}};
  return manifest;
}

std::string problem_of(const Manifest& manifest) {
  try {
    Manifest::from_json(manifest.to_json(), "here/manifest.json");
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "";
}

TEST(ManifestJson, RoundTrip) {
  const Manifest manifest = make();
  const Manifest read = Manifest::from_json(manifest.to_json(), "m");
  EXPECT_EQ(read.recipe, manifest.recipe);
  EXPECT_EQ(read.progress, manifest.progress);
  EXPECT_EQ(read.growth, manifest.growth);
  EXPECT_EQ(read.config, manifest.config);
  EXPECT_EQ(read.ranks, 2);
  EXPECT_EQ(read.tensors, manifest.tensors);
  EXPECT_EQ(read.shards, manifest.shards);
  EXPECT_EQ(read.bytes(), 190);
}

TEST(ManifestJson, BytesThatAreNoUtf8DoNotStopASave) {
  Manifest manifest = make();
  manifest.config["data"] = "/caf\xe9";
  EXPECT_EQ(problem_of(manifest), "");
}

TEST(ManifestJson, FutureFormatNamesBothVersions) {
  Manifest manifest = make();
  manifest.format = 7;
  EXPECT_THAT(problem_of(manifest), HasSubstr("format 7, this program reads up to 1"));
}

TEST(ManifestJson, RefusesPiecesThatDoNotMakeTensorsWhole) {
  const auto with = [](const auto& change) {
    Manifest manifest = make();
    change(manifest);
    return problem_of(manifest);
  };
  const auto whole = HasSubstr("do not make it whole");
  EXPECT_THAT(with([](Manifest& m) { m.shards[1].pieces.clear(); }), whole);
  EXPECT_THAT(with([](Manifest& m) { m.shards[1].pieces[0].first = 3; }), whole);
  EXPECT_THAT(with([](Manifest& m) { m.shards[1].pieces[0].first = 0; }), whole);
  EXPECT_THAT(with([](Manifest& m) { m.tensors["new"] = {torch::kFloat32, {1}}; }), whole);
  EXPECT_THAT(with([](Manifest& m) { m.shards[1].pieces[0].count = 3; }), HasSubstr("beyond"));
  EXPECT_THAT(with([](Manifest& m) { m.shards[1].pieces[0].tensor = "x"; }),
              HasSubstr("unknown tensor"));
  EXPECT_THAT(with([](Manifest& m) { m.shards[1].file = "../../etc/passwd"; }),
              HasSubstr("file name"));
  EXPECT_THAT(with([](Manifest& m) { m.shards.pop_back(); }), HasSubstr("number of files"));
  EXPECT_THAT(with([](Manifest& m) { m.shards[0].bytes = 16; }), HasSubstr("shorter"));
  EXPECT_THAT(with([](Manifest& m) { m.growth.alpha = 1.5; }), HasSubstr("alpha"));
  EXPECT_THAT(with([](Manifest& m) { m.progress.images = -1; }), HasSubstr("images"));
  EXPECT_THAT(with([](Manifest& m) {
                m.tensors["huge"] = {torch::kFloat32, {1LL << 40, 1LL << 40}};
              }),
              HasSubstr("impossible"));
  EXPECT_THAT(with([](Manifest& m) {
                m.tensors["\x1b[2J"] = {torch::kFloat32, {0}};
              }),
              HasSubstr("name"));
}

TEST(ManifestJson, RefusesGarbage) {
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[]"), std::string("{}"),
        std::string("{\"format\": \"1\"}"), std::string("{\"format\": 1}"),
        std::string("{\"format\": 1, \"format\": 1}"), std::string(100000, '['),
        std::string("\x00\xff\xfe", 3), std::string("{\"format\": 1e99}"),
        std::string("{\"format\": 18446744073709551615}")}) {
    EXPECT_THROW(Manifest::from_json(text, "m"), CheckpointError) << text.substr(0, 40);
  }
}

TEST(ManifestJson, RefusesEveryFlippedByte) {
  const std::string text = make().to_json();
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const int bit : {0, 3, 6}) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      EXPECT_THROW(Manifest::from_json(damaged, "m"), CheckpointError) << at;
    }
  }
}

TEST(ManifestNames, Fixed) {
  EXPECT_EQ(shard_name(3, 8), "rank-00003-of-00008.safetensors");
  EXPECT_EQ(folder_name(600000), "images-000000600000");
  EXPECT_EQ((Piece{"G/w", 0, 512, 0}.name()), "G/w[0:512]");
}

}  // namespace
}  // namespace pgan::checkpoint
