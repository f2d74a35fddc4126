#include "fuzz/seeds.h"

#include <fstream>
#include <functional>
#include <stdexcept>

#include <zlib.h>

#include "checkpoint/manifest.h"
#include "checkpoint/safetensors.h"
#include "data/chunk.h"
#include "data/encode.h"
#include "data/zip_fixture.h"
#include "fuzz/pack_sample.h"
#include "fuzz/scratch.h"

namespace pgan::fuzz {
namespace {

namespace fs = std::filesystem;
using Seeds = std::vector<Seed>;

std::string contents(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string text(const std::vector<std::uint8_t>& bytes) {
  return {bytes.begin(), bytes.end()};
}

/// A byte of choice in front, as most targets have it.
std::string chosen(int choice, const std::string& rest) {
  return std::string(1, static_cast<char>(choice)) + rest;
}

torch::Tensor planes(std::int64_t seed, std::int64_t side) {
  return sample_picture(seed, side).permute({2, 0, 1}).contiguous();
}

void add_pictures(Seeds& seeds) {
  constexpr std::int64_t kSides[] = {8, 16, 32, 64};
  for (int i = 0; i < 4; ++i) {
    const torch::Tensor image = planes(i, kSides[i]);
    const std::string png = text(data::encode_png(image)),
                      jpeg = text(data::encode_jpeg(image, i % 2 == 0 ? 95 : 80));
    const std::string number = std::to_string(i);
    seeds.push_back({"square", "png" + number, chosen(16 | i, png)});
    for (int reduction = 0; reduction < 4; ++reduction) {
      seeds.push_back({"square", "jpeg" + number + std::to_string(reduction),
                       chosen(reduction << 2 | i, jpeg)});
    }
    for (const char* target : {"picture", "picture_header"}) {
      seeds.push_back({target, "png" + number, png});
      seeds.push_back({target, "jpeg" + number, jpeg});
    }
  }
}

/// A little-endian TIFF of 2x2 RGB, turned by its orientation.
std::string tiff() {
  std::string out = "II*" + std::string(1, '\0') + data::number_le(8, 4) + data::number_le(10, 2);
  const auto entry = [&](int tag, int type, int count, std::uint64_t value) {
    out += data::number_le(static_cast<std::uint64_t>(tag), 2) +
           data::number_le(static_cast<std::uint64_t>(type), 2) +
           data::number_le(static_cast<std::uint64_t>(count), 4) + data::number_le(value, 4);
  };
  constexpr std::uint64_t kBits = 134, kPixels = 140;
  entry(256, 3, 1, 2);        // width
  entry(257, 3, 1, 2);        // height
  entry(258, 3, 3, kBits);    // bits a sample
  entry(259, 3, 1, 1);        // not compressed
  entry(262, 3, 1, 2);        // RGB
  entry(273, 4, 1, kPixels);  // where the strip is
  entry(274, 3, 1, 6);        // orientation
  entry(277, 3, 1, 3);        // samples a pixel
  entry(278, 3, 1, 2);        // rows a strip
  entry(279, 4, 1, 12);       // bytes of the strip
  out +=
      data::number_le(0, 4) + data::number_le(8, 2) + data::number_le(8, 2) + data::number_le(8, 2);
  return out + "RGBrgbGBRgbr";
}

void add_other_formats(Seeds& seeds) {
  const std::string bmp = "BM" + data::number_le(70, 4) + data::number_le(0, 4) +
                          data::number_le(54, 4) + data::number_le(40, 4) + data::number_le(2, 4) +
                          data::number_le(2, 4) + data::number_le(1, 2) + data::number_le(24, 2) +
                          std::string(24, '\0') + std::string(16, 'x');
  // A lossless WebP of one pixel.
  const std::string webp = "RIFF" + data::number_le(26, 4) + "WEBPVP8L" + data::number_le(13, 4) +
                           std::string("\x2F\0\0\0\x10\x07\x10\x11\x11\x88\x88\xFE\x07\0", 14);
  for (const char* target : {"picture", "picture_header"}) {
    seeds.push_back({target, "ppm", "P6\n# two by two\n2 2\n255\nabcdefghijkl"});
    seeds.push_back({target, "pgm", "P5 2 2 65535\nabcdefgh"});
    seeds.push_back({target, "pbm", "P1\n3 2\n1 0 1\n0 1 0\n"});
    seeds.push_back({target, "bmp", bmp});
    seeds.push_back({target, "webp", webp});
    seeds.push_back({target, "tiff", tiff()});
  }
}

void add_tables(Seeds& seeds) {
  const std::vector<std::string> tables = {
      "2\nSmiling Young\n000001.jpg -1  1\r\n000002.jpg  1 -1\r\n",
      "image_id,Smiling,Young\n000001.jpg,-1,1\n000002.jpg,1,-1\n",
      "000001.jpg 0\n000002.jpg 2\n",
      "image_id,partition\n000001.jpg,0\n000002.jpg,1\n",
      "2\nSmiling Young \n000001.jpg  -1  1 \n000002.jpg  1 -1 \n",
      "\xEF\xBB\xBF"
      "file;age;\"hair\";split\n000001.jpg;1.5;\"a \"\"b\"\"\";train\n3.png;-2e3;c;2\n",
      "image,caption\n000001.jpg,\"A face, drawn\"\n000001.jpg,Another\n3.png,A, third\n",
      "000001.jpg#0\tA face .\n000001.jpg#1\tThe same .\n3.png#0\tAnother .\n",
      "{\"labels\": [[\"000001.jpg\", 1], [\"3.png\", 0]]}",
      "a|b|c\n1|\"2\n3\"|4\n",
  };
  for (std::size_t i = 0; i < tables.size(); ++i) {
    seeds.push_back({"tables", std::to_string(i), chosen(static_cast<int>(i), tables[i])});
  }
  seeds.push_back({"dataset_json", "classes", tables[8]});
  seeds.push_back({"dataset_json", "none", "{\"labels\": null}"});
  seeds.push_back({"dataset_json", "numbers",
                   "{\"labels\": [[\"a/1.png\", [0.5, -1e3]], [\"a/2.png\", [1, 2]]], \"x\": {}}"});
}

void add_records(Seeds& seeds) {
  const std::string images =
      std::string("\0\0\x08\x03\0\0\0\2\0\0\0\3\0\0\0\3", 16) + "abcdefghijklmnopqr";
  const std::string labels = std::string("\0\0\x08\x01\0\0\0\3\0\1\2", 11);
  for (const bool packed : {false, true}) {
    const auto file = [&](const std::string& plain) {
      return packed ? data::gzipped(plain) : plain;
    };
    const std::string kind = packed ? "gz" : "plain";
    seeds.push_back({"idx", "labels_" + kind, chosen(0, file(labels))});
    seeds.push_back({"idx", "images_" + kind, chosen(1, file(images))});
    seeds.push_back({"idx", "listed_" + kind, chosen(2, file(images))});
  }
  seeds.push_back({"cifar", "ten", chosen(0, chosen(3, std::string(3072, 'a')))});
  seeds.push_back({"cifar", "hundred", chosen(1, chosen(3, std::string(3073, '\4')))});
  seeds.push_back({"cifar", "names", chosen(2, "airplane\nbird\n")});
}

void add_archives(Seeds& seeds) {
  const std::string png = text(data::encode_png(planes(1, 8)));
  const std::vector<data::ZipItem> items = {
      {.name = "dataset.json", .bytes = "{\"labels\": [[\"0/1.png\", 1], [\"0/2.png\", 0]]}"},
      {.name = "0/1.png", .bytes = png},
      {.name = "0/2.png", .bytes = png, .deflated = true},
      {.name = "../3.png", .bytes = "x"}};
  seeds.push_back({"zip", "labelled", data::make_zip(items)});
  seeds.push_back({"zip", "wide",
                   data::make_zip({{.name = "a/1.png", .bytes = png, .zip64 = true},
                                   {.name = "b/1.png", .unix_mode = 0120777}})});
}

void add_pack(Seeds& seeds) {
  const Scratch scratch;
  const fs::path folder = scratch.path() / "pack";
  write_sample_pack(folder);
  seeds.push_back({"pack_info", "version2", contents(folder / "dataset.json")});
  seeds.push_back(
      {"pack_info", "version1",
       R"({"format":"pgan-pack","version":1,"name":"a","source":"b","crop":"c","count":2,
"label_names":[],"levels":[{"resolution":4,"encoding":"ppm","index":{"file":"i","bytes":32,
"xxh3":"0"},"shards":[{"file":"t","bytes":9,"xxh3":"0","first":0,"count":2}]}]})"});
  int number = 0;
  for (const std::string& name : sample_files(folder)) {
    const std::string bytes = contents(folder / name);
    for (const int how : {0, 1, 2}) {
      seeds.push_back({"pack", name + std::to_string(how), chosen(number, chosen(how, bytes))});
    }
    ++number;
    if (!name.ends_with(".tar")) continue;
    seeds.push_back({"tar", name + "0", chosen(0, bytes)});
    seeds.push_back({"tar", name + "1", chosen(1, bytes)});
  }
  data::ChunkLedger ledger;
  ledger.kept = {0, 2};
  ledger.bad = {1};
  ledger.reasons = {"empty"};
  ledger.crops = {"center"};
  data::ChunkLedger::Level& level = ledger.levels.emplace_back();
  level.shard.name = "r0004-00000.tar";
  level.shard.bytes = 2048;
  level.shard.xxh3 = "0123456789abcdef";
  level.index.assign(48, 7);
  ledger.save(scratch.path() / "ledger");
  seeds.push_back({"ledger", "whole", contents(scratch.path() / "ledger").substr(8)});
}

void add_checkpoints(Seeds& seeds) {
  const Scratch scratch;
  const fs::path file = scratch.path() / "file";
  const TensorMap tensors = {{"a.weight", torch::ones({2, 3})},
                             {"b", torch::zeros({4}, torch::kBool)},
                             {"c", torch::empty({0, 5}, torch::kInt64)}};
  checkpoint::write_safetensors(
      file, tensors,
      {{"architecture", R"({"recipe":"pgan","resolution":8,"alpha":0.5,"latent":4})"},
       {"images", "1200"},
       {"network", "G_ema"}});
  seeds.push_back({"safetensors", "tensors", chosen(0, contents(file))});
  seeds.push_back({"safetensors", "weights", chosen(1, contents(file))});
  checkpoint::Manifest manifest;
  manifest.recipe = "pgan";
  manifest.progress = {10, 640};
  manifest.growth = {8, 0.5};
  manifest.config = {{"seed", "1"}};
  manifest.tensors["G/a"] = {torch::kFloat32, {2, 3}};
  manifest.shards.push_back({.file = checkpoint::shard_name(0, 1),
                             .bytes = 200,
                             .header_checksum = 7,
                             .pieces = {{"G/a", 0, 4, 8}, {"G/a", 4, 2, 9}}});
  seeds.push_back({"manifest", "shard", chosen(0, manifest.shards[0].to_json())});
  seeds.push_back({"manifest", "whole", chosen(1, manifest.to_json())});
  seeds.push_back({"manifest", "put_right", chosen(2, manifest.to_json())});
}

}  // namespace

void Seed::save(const fs::path& folder) const {
  fs::create_directories(folder / target);
  std::ofstream stream(folder / target / name, std::ios::binary);
  stream << bytes;
  stream.close();
  if (!stream) throw std::runtime_error((folder / target / name).string() + ": cannot be written");
}

std::vector<Seed> make_seeds() {
  Seeds seeds;
  for (const auto add : {add_pictures, add_other_formats, add_tables, add_records, add_archives,
                         add_pack, add_checkpoints}) {
    add(seeds);
  }
  return seeds;
}

}  // namespace pgan::fuzz
