#include "data/pack.h"

#include <functional>
#include <regex>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "data/decode.h"
#include "data/encode.h"
#include "data/export.h"
#include "data/fixtures.h"
#include "data/output_file.h"
#include "data/sheet.h"
#include "data/verify.h"

namespace pgan::data {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::vector<std::string> verify(const fs::path& pack) {
  return verify_pack(pack, 2, [](auto, auto) {});
}

TEST(Pack, RoundTrip) {
  const TempFolder folder;
  const auto pack = synth_pack(folder, 13, 256, {.shard_mib = 1});
  const PackInfo& info = pack->info();
  EXPECT_EQ(info.count, 13);
  EXPECT_EQ(info.resolutions(), (std::vector<std::int64_t>{4, 8, 16, 32, 64, 128, 256}));
  EXPECT_EQ(info.levels.back().encoding, Encoding::png);
  EXPECT_EQ(pack->labels().sizes(), (std::vector<std::int64_t>{13, 12}));
  for (const std::int64_t record : {0, 7, 12}) {
    const SynthFace face = draw_face(3, face_of(*pack, record), 256);
    EXPECT_TRUE(pack->image(record, 256).equal(face.image)) << record;
    for (std::int64_t c = 0; c < 12; ++c) {
      EXPECT_EQ(pack->labels()[record][c].item<float>() == 1.0f,
                face.labels[static_cast<std::size_t>(c)]);
    }
    const auto mean = face.image.to(torch::kFloat64).view({3, 64, 4, 64, 4}).mean({2, 4});
    EXPECT_TRUE(pack->image(record, 64).equal(mean.round().to(torch::kUInt8))) << record;
  }
  EXPECT_EQ(info.range(Split::train), (RecordRange{0, 11}));
  EXPECT_EQ(info.range(Split::validation), (RecordRange{11, 1}));
  EXPECT_EQ(info.range(Split::test), (RecordRange{12, 1}));
  EXPECT_THAT(pack->record_json(11), HasSubstr("\"file\":\"img_align_celeba/000009.png\""));
  EXPECT_THAT(pack->record_json(11), HasSubstr("\"split\":\"validation\""));
  EXPECT_TRUE(verify(folder / "pack").empty());
}

TEST(Pack, ShardsAreCutAndFound) {
  const TempFolder folder;
  const auto pack = synth_pack(folder, 50, 128, {.shard_mib = 1});
  ASSERT_GT(pack->info().levels.back().shards.size(), 2u);
  for (std::int64_t record = 0; record < 50; ++record) {
    EXPECT_TRUE(pack->image(record, 128).equal(draw_face(3, face_of(*pack, record), 128).image))
        << record;
  }
}

TEST(Pack, SaysWhatItIsNot) {
  const TempFolder folder;
  EXPECT_THAT(message_of([&] { Pack::open(folder.path()); }), HasSubstr("pgan-data pack --from"));
  EXPECT_THROW(Pack::open(folder / "absent"), DataError);
  const auto pack = synth_pack(folder, 4, 16);
  EXPECT_THAT(message_of([&] { pack->require_level(64); }), HasSubstr("only 4, 8, 16"));
  EXPECT_NO_THROW(pack->require_level(8));
  EXPECT_THROW(pack->image(4, 8), DataError);
  EXPECT_THROW(pack->image(-1, 8), DataError);
}

/// A small pack whose dataset.json is edited before it is opened.
class DamagedJson : public testing::Test {
 protected:
  DamagedJson() {
    synth_pack(folder_, 4, 16);
    json_ = read_text(folder_ / "pack/dataset.json");
  }
  std::string open_with(const std::string& json) {
    write_text(folder_ / "pack/dataset.json", json);
    return message_of([&] { Pack::open(folder_ / "pack"); });
  }
  std::string replaced(const std::string& pattern, const std::string& text) {
    const std::string out = std::regex_replace(json_, std::regex(pattern), text,
                                               std::regex_constants::format_first_only);
    EXPECT_NE(out, json_) << pattern;
    return out;
  }
  TempFolder folder_;
  std::string json_;
};

TEST_F(DamagedJson, IsRefused) {
  EXPECT_EQ(open_with(json_), "(nothing thrown)");
  for (const char* garbage : {"", "{", "[]", "null", "3", "{}", "{\"format\": 7}", "\xff\xfe"}) {
    EXPECT_THAT(open_with(garbage), HasSubstr("dataset.json")) << garbage;
  }
  const std::pair<const char*, const char*> edits[] = {
      {"\"version\": 2", "\"version\": 3"},
      {"\"count\": 4", "\"count\": -4"},
      {"\"count\": 4", "\"count\": 0"},
      {"\"count\": 4", "\"count\": 5"},
      {"\"count\": 4", "\"count\": 1099511627776"},
      {"\"count\": 4", "\"count\": 18446744073709551615"},
      {"\"count\": 4", "\"count\": 1e300"},
      {"\"count\": 4", "\"count\": \"4\""},
      {"\"resolution\": 8", "\"resolution\": 16"},
      {"\"resolution\": 4", "\"resolution\": -4"},
      {"\"encoding\": \"ppm\"", "\"encoding\": \"exe\""},
      {"\"first\": 0", "\"first\": 1"},
      {"\"bytes\": ", "\"bytes\": -"},
      {"\"bytes\": ", "\"bytes\": 9"},
      {"\"file\": \"r0004", "\"file\": \"../r0004"},
      {"\"file\": \"labels.f32\"", "\"file\": \"..\""},
      {"\"label_names\": \\[", "\"label_names\": [7, "},
      {"\"label_names\": \\[", "\"label_names\": [\"one more\", "},
      {"\"levels\"", "\"lovels\""},
  };
  for (const auto& [pattern, text] : edits) {
    EXPECT_THAT(open_with(replaced(pattern, text)), HasSubstr("pack")) << text;
    EXPECT_THROW(Pack::open(folder_ / "pack"), DataError) << text;
  }
}

TEST_F(DamagedJson, DeepNestingIsRefused) {
  EXPECT_THAT(open_with(std::string(1'000'000, '[')), HasSubstr("is not JSON"));
}

/// Changes one byte.
void flip(const fs::path& file, std::size_t at) {
  std::string text = read_text(file);
  ASSERT_LT(at, text.size());
  text[at] = static_cast<char>(text[at] ^ 0x55);
  write_text(file, text);
}

TEST(DamagedPack, TruncatedOrMissingFilesAreRefused) {
  const TempFolder folder;
  synth_pack(folder, 4, 16);
  for (const char* name : {"r0016-00000.tar", "r0016.index", "labels.f32"}) {
    const fs::path file = folder / "pack" / name;
    const std::string whole = read_text(file);
    write_text(file, whole.substr(0, whole.size() / 2));
    EXPECT_THAT(message_of([&] { Pack::open(folder / "pack"); }), HasSubstr("truncated or changed"))
        << name;
    fs::remove(file);
    EXPECT_THROW(Pack::open(folder / "pack"), DataError) << name;
    write_text(file, whole);
  }
  EXPECT_NO_THROW(Pack::open(folder / "pack"));
}

TEST(DamagedPack, IndexesOutsideTheShardAreRefused) {
  const TempFolder folder;
  synth_pack(folder, 4, 16);
  for (const std::size_t at : {7, 15, 1, 8, 16}) {
    flip(folder / "pack/r0016.index", at);
    const auto pack = Pack::open(folder / "pack");
    EXPECT_THROW(pack->image(0, 16), DataError) << at;
    EXPECT_NO_THROW(pack->image(1, 16));
    EXPECT_FALSE(verify(folder / "pack").empty());
    flip(folder / "pack/r0016.index", at);
  }
}

TEST(DamagedPack, VerifyNamesEachDamagedPicture) {
  const TempFolder folder;
  synth_pack(folder, 5, 16);
  const std::size_t record = 512 + 1024;  // a header, and 13 + 768 bytes in whole blocks
  flip(folder / "pack/r0016-00000.tar", 600);
  flip(folder / "pack/r0016-00000.tar", 3 * record + 700);
  const auto faults = verify(folder / "pack");
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_THAT(faults[0], HasSubstr("r0016-00000.tar: record 0: its checksum differs"));
  EXPECT_THAT(faults[0], HasSubstr("000001.png"));
  EXPECT_THAT(faults[1], HasSubstr("record 3: its checksum differs"));
}

TEST(DamagedPack, VerifyFindsWhatIsNoPicture) {
  const TempFolder folder;
  synth_pack(folder, 4, 16);
  flip(folder / "pack/labels.f32", 3);
  flip(folder / "pack/r0008-00000.tar", 40);
  const auto faults = verify(folder / "pack");
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_THAT(faults[0], HasSubstr("labels.f32: its checksum differs"));
  EXPECT_THAT(faults[1], HasSubstr("r0008-00000.tar: damaged tar header"));
}

TEST(DamagedPack, VerifyGoesThroughACutPack) {
  const TempFolder folder;
  synth_pack(folder, 4, 16);
  fs::resize_file(folder / "pack/r0016-00000.tar", 2000);
  fs::remove(folder / "pack/r0008-00000.tar");
  const auto faults = verify(folder / "pack");
  // Both files, and three records of the cut one.
  EXPECT_EQ(faults.size(), 5u) << testing::PrintToString(faults);
}

TEST(DamagedPack, DamagedPngIsNamed) {
  const TempFolder folder;
  const auto pack = synth_pack(folder, 2, 256);
  std::string tar = read_text(folder / "pack/r0256-00000.tar");
  tar.replace(2000, 4000, 4000, '\0');
  write_text(folder / "pack/r0256-00000.tar", tar);
  const std::string message = message_of([&] { Pack::open(folder / "pack")->image(0, 256); });
  EXPECT_THAT(message, HasSubstr("r0256-00000.tar: record 0: its checksum differs"));
}

TEST(DamagedPack, FilesCutWhileOpenAreErrors) {
  const TempFolder folder;
  const auto pack = synth_pack(folder, 4, 128);
  fs::resize_file(folder / "pack/r0128-00000.tar", 60'000);
  EXPECT_NO_THROW(pack->image(0, 128));
  EXPECT_THAT(message_of([&] { pack->image(3, 128); }), HasSubstr("cannot be read"));
}

TEST(DamagedPack, SheetsShowTheOtherPictures) {
  const TempFolder folder;
  const auto pack = synth_pack(folder, 3, 64);
  flip(folder / "pack/r0064-00000.tar", 700);
  const torch::Tensor sheet = contact_sheet(*pack, {.count = 3, .labels = false});
  const auto cell = [&](std::int64_t i) {
    return sheet.narrow(1, 4, 64).narrow(2, 4 + 68 * i, 64);
  };
  EXPECT_TRUE(cell(0).eq(200).all().item<bool>());
  EXPECT_TRUE(cell(1).equal(pack->image(1, 64)));
}

/// As version 1 had it: 16 bytes an index entry, the split in a file, no parts.
TEST(PackVersion1, IsReadAndTrainsOnAllRecords) {
  const TempFolder folder;
  synth_pack(folder, 10, 8);
  auto json = nlohmann::json::parse(read_text(folder / "pack/dataset.json"));
  for (auto& level : json["levels"]) {
    const fs::path file = folder / ("pack/" + level["index"]["file"].get<std::string>());
    const std::string entries = read_text(file);
    std::string old;
    for (std::size_t at = 0; at < entries.size(); at += 24) old += entries.substr(at, 16);
    write_text(file, old);
    level["index"]["bytes"] = old.size();
    level["index"]["xxh3"] = xxh3_text(bytes_of(old.data(), old.size()));
  }
  const std::string split(10, '\1');
  write_text(folder / "pack/split.u8", split);
  json["split"] = {{"file", "split.u8"},
                   {"bytes", split.size()},
                   {"xxh3", xxh3_text(bytes_of(split.data(), split.size()))}};
  json["version"] = 1;
  for (const char* name : {"parts", "domains", "paired"}) json.erase(name);
  write_text(folder / "pack/dataset.json", json.dump());
  const auto pack = Pack::open(folder / "pack");
  EXPECT_EQ(pack->info().range(Split::train), (RecordRange{0, 10}));
  for (std::int64_t record = 0; record < 10; ++record) {
    EXPECT_TRUE(pack->image(record, 8).equal(draw_face(3, face_of(*pack, record), 8).image));
  }
  EXPECT_TRUE(verify(folder / "pack").empty());
}

TEST(Export, IsReadBackAsATable) {
  const TempFolder folder;
  const auto pack = synth_pack(folder, 10, 16);
  EXPECT_EQ(export_pack(*pack, folder / "files", {}, [](auto, auto) {}), 10);
  pack_quietly(folder / "files", folder / "again");
  const auto again = Pack::open(folder / "again");
  EXPECT_EQ(again->info().label_names, pack->info().label_names);
  EXPECT_TRUE(again->labels().equal(pack->labels()));
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    EXPECT_EQ(again->info().range(split), pack->info().range(split));
  }
  for (std::int64_t record = 0; record < 10; ++record) {
    EXPECT_TRUE(again->image(record, 16).equal(pack->image(record, 16)));
  }
}

TEST(Export, PairsAreReadBackAsPairs) {
  const TempFolder folder;
  fs::create_directories(folder / "in/train");
  for (int i = 0; i < 4; ++i) {
    const torch::Tensor a = draw_face(1, i, 16).image;
    write_image(folder / ("in/train/" + std::to_string(i) + ".png"), torch::cat({a, 255 - a}, 2));
  }
  pack_quietly(folder / "in", folder / "pack");
  const auto pack = Pack::open(folder / "pack");
  ASSERT_TRUE(pack->info().paired);
  EXPECT_EQ(export_pack(*pack, folder / "files", {}, [](auto, auto) {}), 4);
  pack_quietly(folder / "files", folder / "again");
  const auto again = Pack::open(folder / "again");
  ASSERT_TRUE(again->info().paired);
  for (std::int64_t record = 0; record < 8; ++record) {
    EXPECT_TRUE(again->image(record, 16).equal(pack->image(record, 16)));
  }
}

TEST(Pack, HostileDomainsAreRefused) {
  const TempFolder folder;
  synth_pack(folder, 4, 8);
  const std::string json = read_text(folder / "pack/dataset.json");
  for (const char* names : {"\"b/../../evil\", \"c\"", "\"a\", \"a\"", "\"\", \"b\"",
                            "\".hidden\", \"b\"", "\"a\\n\", \"b\"", "\"alone\""}) {
    const std::string with = std::regex_replace(json, std::regex("\"domains\": \\[\\]"),
                                                std::string("\"domains\": [") + names + "]");
    ASSERT_NE(with, json);
    write_text(folder / "pack/dataset.json", with);
    EXPECT_THAT(message_of([&] { Pack::open(folder / "pack"); }), HasSubstr("'domains'")) << names;
  }
}

}  // namespace
}  // namespace pgan::data
