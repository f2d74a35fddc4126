#include "data/level_writer.h"

#include <cstdio>

namespace pgan::data {
namespace {

std::string file_name(std::int64_t resolution, const std::string& rest) {
  char text[32];
  std::snprintf(text, sizeof text, "r%04lld", static_cast<long long>(resolution));
  return text + rest;
}

}  // namespace

LevelWriter::LevelWriter(std::filesystem::path folder, std::int64_t resolution,
                         std::uint64_t shard_bytes)
    : folder_(std::move(folder)),
      shard_bytes_(shard_bytes),
      index_(folder_ / file_name(resolution, ".index")) {
  level_.resolution = resolution;
  level_.encoding = resolution <= kLargestRaw ? "ppm" : "png";
  level_.index.name = file_name(resolution, ".index");
}

void LevelWriter::add(const std::string& key, std::span<const std::uint8_t> picture,
                      const std::string& json) {
  if (tar_ && tar_->bytes() >= shard_bytes_) end_shard();
  if (!tar_) begin_shard();
  const std::uint64_t offset = tar_->add(key + "." + level_.encoding, picture);
  if (!json.empty()) tar_->add(key + ".json", bytes_of(json.data(), json.size()));
  const std::uint64_t place[2] = {offset, picture.size()};
  index_.write(bytes_of(place, sizeof place));
  ++level_.shards.back().count;
}

PackLevel LevelWriter::finish() {
  if (tar_) end_shard();
  level_.index.bytes = static_cast<std::int64_t>(index_.bytes());
  level_.index.xxh3 = index_.finish();
  return level_;
}

void LevelWriter::begin_shard() {
  char number[32];
  std::snprintf(number, sizeof number, "-%05zu.tar", level_.shards.size());
  PackShard shard{.file = {file_name(level_.resolution, number), 0, {}}};
  if (!level_.shards.empty()) shard.first = level_.shards.back().first + level_.shards.back().count;
  level_.shards.push_back(shard);
  tar_ = std::make_unique<TarWriter>(folder_ / shard.file.name);
}

void LevelWriter::end_shard() {
  PackFile& file = level_.shards.back().file;
  file.xxh3 = tar_->finish();
  file.bytes = static_cast<std::int64_t>(tar_->bytes());
  tar_.reset();
}

}  // namespace pgan::data
