#include "data/pack_info.h"

#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace pgan::data {
namespace {

using Json = nlohmann::ordered_json;

Json file_json(const PackFile& file) {
  return {{"file", file.name}, {"bytes", file.bytes}, {"xxh3", file.xxh3}};
}

Json level_json(const PackLevel& level) {
  Json json = {{"resolution", level.resolution}, {"encoding", encoding_name(level.encoding)}};
  if (level.encoding == Encoding::jpg) json["quality"] = level.quality;
  if (level.encoding == Encoding::reduced) {
    json["from"] = level.from;
    return json;
  }
  json["index"] = file_json(level.index);
  json["shards"] = Json::array();
  for (const PackShard& shard : level.shards) {
    Json entry = file_json(shard.file);
    entry["first"] = shard.records.first;
    entry["count"] = shard.records.count;
    json["shards"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace

std::string encoding_name(Encoding encoding) {
  switch (encoding) {
    case Encoding::ppm:
      return "ppm";
    case Encoding::png:
      return "png";
    case Encoding::jpg:
      return "jpg";
    case Encoding::reduced:
      return "reduced";
  }
  return "ppm";
}

std::string split_name(Split split) {
  static constexpr std::array<const char*, 3> kNames = {"train", "validation", "test"};
  return kNames[static_cast<std::size_t>(split)];
}

std::string level_name(std::int64_t resolution) {
  char text[24];
  std::snprintf(text, sizeof text, "r%04lld", static_cast<long long>(resolution));
  return text;
}

std::string record_key(std::int64_t number) {
  char text[24];
  std::snprintf(text, sizeof text, "%08lld", static_cast<long long>(number));
  return text;
}

std::string ppm_header(std::int64_t resolution) {
  const std::string side = std::to_string(resolution);
  return "P6\n" + side + " " + side + "\n255\n";
}

RecordRange PackInfo::range(Split wanted, std::int64_t domain) const {
  for (const PackPart& part : parts) {
    if (part.domain == domain && part.split == wanted) return part.records;
  }
  return {};
}

RecordRange PackInfo::range_of_domain(std::int64_t domain) const {
  RecordRange all;
  for (const PackPart& part : parts) {
    if (part.domain != domain) continue;
    if (all.count == 0) all.first = part.records.first;
    all.count += part.records.count;
  }
  return all;
}

std::int64_t PackInfo::largest() const {
  std::int64_t largest = 0;
  for (const PackLevel& level : levels) {
    if (is_power_of_two(level.resolution)) largest = level.resolution;
  }
  return largest;
}

std::vector<std::int64_t> PackInfo::resolutions() const {
  std::vector<std::int64_t> out;
  for (const PackLevel& level : levels) out.push_back(level.resolution);
  return out;
}

std::vector<PackFile> PackInfo::files() const {
  std::vector<PackFile> out;
  if (!label_names.empty()) out.push_back(labels);
  if (!split.name.empty()) out.push_back(split);
  if (!skipped.name.empty()) out.push_back(skipped);
  for (const PackLevel& level : levels) {
    if (level.encoding == Encoding::reduced) continue;
    out.push_back(level.index);
    for (const PackShard& shard : level.shards) out.push_back(shard.file);
  }
  return out;
}

std::string pack_info_json(const PackInfo& info) {
  Json json = {{"format", "pgan-pack"},   {"version", PackInfo::kVersion},
               {"name", info.name},       {"source", info.source},
               {"crop", info.crop},       {"count", info.count},
               {"domains", info.domains}, {"paired", info.paired}};
  json["parts"] = Json::array();
  for (const PackPart& part : info.parts) {
    json["parts"].push_back({{"domain", part.domain},
                             {"split", split_name(part.split)},
                             {"first", part.records.first},
                             {"count", part.records.count}});
  }
  json["label_names"] = info.label_names;
  if (!info.label_names.empty()) json["labels"] = file_json(info.labels);
  if (!info.skipped.name.empty()) json["skipped"] = file_json(info.skipped);
  json["levels"] = Json::array();
  for (const PackLevel& level : info.levels) json["levels"].push_back(level_json(level));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace pgan::data
