#include "data/pack_info.h"

#include <bit>
#include <limits>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace pgan::data {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kMaxCount = std::int64_t{1} << 40, kMaxLabels = 1 << 16, kMaxSide = 4096;
constexpr std::int64_t kMaxBytes = std::numeric_limits<std::int64_t>::max();
constexpr const char* kFormat = "pgan-pack";

/// dataset.json's fields with their checks; every message names the file and the field.
class Reader {
 public:
  explicit Reader(std::filesystem::path file) : file_(std::move(file)) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(file_.string() + ": " + what + "; make the pack again with pgan-data pack");
  }

  const Json& member(const Json& parent, const std::string& name) const {
    if (!parent.is_object()) fail("expected an object around '" + name + "'");
    const auto found = parent.find(name);
    if (found == parent.end()) fail("'" + name + "' is missing");
    return *found;
  }

  std::int64_t integer(const Json& parent, const std::string& name, std::int64_t low,
                       std::int64_t high) const {
    const Json& value = member(parent, name);
    const bool fits = value.is_number_integer() &&
                      !(value.is_number_unsigned() &&
                        value.get<std::uint64_t>() > static_cast<std::uint64_t>(kMaxBytes));
    const std::int64_t number = fits ? value.get<std::int64_t>() : low - 1;
    if (!fits || number < low || number > high) {
      fail("'" + name + "': expected a whole number from " + std::to_string(low) + " to " +
           std::to_string(high) + ", found " + value.dump().substr(0, 40));
    }
    return number;
  }

  std::string text(const Json& parent, const std::string& name) const {
    const Json& value = member(parent, name);
    if (!value.is_string()) fail("'" + name + "': expected a text");
    return value.get<std::string>();
  }

  const Json& list(const Json& parent, const std::string& name) const {
    const Json& value = member(parent, name);
    if (!value.is_array()) fail("'" + name + "': expected a list");
    return value;
  }

  PackFile file(const Json& parent) const {
    PackFile out{text(parent, "file"), integer(parent, "bytes", 0, kMaxBytes),
                 text(parent, "xxh3")};
    const bool plain = !out.name.empty() && out.name != "." && out.name != ".." &&
                       out.name.find_first_of(std::string("/\\\0", 3)) == std::string::npos;
    if (!plain) fail("'file': expected a plain file name, found '" + out.name + "'");
    return out;
  }

  /// A file of exactly `bytes` bytes.
  PackFile table(const Json& parent, std::int64_t bytes) const {
    PackFile out = file(parent);
    if (out.bytes != bytes) {
      fail(out.name + ": expected " + std::to_string(bytes) + " bytes for this count, found " +
           std::to_string(out.bytes));
    }
    return out;
  }

  PackLevel level(const Json& json, std::int64_t count) const {
    PackLevel level;
    level.resolution = integer(json, "resolution", 4, kMaxSide);
    level.encoding = text(json, "encoding");
    if (level.encoding != "ppm" && level.encoding != "png") {
      fail("'encoding': expected ppm or png, found '" + level.encoding + "'");
    }
    level.index = table(member(json, "index"), 16 * count);
    std::int64_t next = 0;
    for (const Json& entry : list(json, "shards")) {
      PackShard shard{file(entry), integer(entry, "first", 0, kMaxCount),
                      integer(entry, "count", 1, count)};
      if (shard.first != next || shard.count > count - next) {
        fail(shard.file.name + ": its records do not follow those of the shard before");
      }
      next += shard.count;
      level.shards.push_back(std::move(shard));
    }
    if (next != count) fail("level " + std::to_string(level.resolution) + " lacks records");
    return level;
  }

 private:
  std::filesystem::path file_;
};

Json file_json(const PackFile& file) {
  return {{"file", file.name}, {"bytes", file.bytes}, {"xxh3", file.xxh3}};
}

PackInfo read_info(const Reader& reader, const Json& json) {
  PackInfo info;
  const auto format = json.is_object() ? json.find("format") : json.end();
  if (!json.is_object() || format == json.end() || *format != kFormat) {
    reader.fail("is not a pack's: expected \"format\": \"pgan-pack\"");
  }
  info.version = reader.integer(json, "version", 1, kMaxCount);
  if (info.version != PackInfo::kVersion) {
    reader.fail("version " + std::to_string(info.version) + ", but this program reads version " +
                std::to_string(PackInfo::kVersion));
  }
  info.name = reader.text(json, "name");
  info.source = reader.text(json, "source");
  info.crop = reader.text(json, "crop");
  info.count = reader.integer(json, "count", 1, kMaxCount);
  for (const Json& name : reader.list(json, "label_names")) {
    if (!name.is_string()) reader.fail("'label_names': expected texts");
    info.label_names.push_back(name.get<std::string>());
  }
  const auto labels = static_cast<std::int64_t>(info.label_names.size());
  if (labels > kMaxLabels) reader.fail("'label_names': more than 65536");
  if (labels > 0)
    info.labels = reader.table(reader.member(json, "labels"), 4 * info.count * labels);
  if (json.contains("split")) info.split = reader.table(reader.member(json, "split"), info.count);
  for (const Json& entry : reader.list(json, "levels")) {
    PackLevel level = reader.level(entry, info.count);
    const bool follows = info.levels.empty() || level.resolution == 2 * info.largest();
    if (!std::has_single_bit(static_cast<std::uint64_t>(level.resolution)) || !follows) {
      reader.fail("'levels': expected powers of two, each twice the one before");
    }
    info.levels.push_back(std::move(level));
  }
  if (info.levels.empty()) reader.fail("'levels' is empty");
  return info;
}

}  // namespace

std::vector<std::int64_t> PackInfo::resolutions() const {
  std::vector<std::int64_t> out;
  for (const PackLevel& level : levels) out.push_back(level.resolution);
  return out;
}

std::vector<PackFile> PackInfo::files() const {
  std::vector<PackFile> out;
  if (!label_names.empty()) out.push_back(labels);
  if (has_split()) out.push_back(split);
  for (const PackLevel& level : levels) {
    out.push_back(level.index);
    for (const PackShard& shard : level.shards) out.push_back(shard.file);
  }
  return out;
}

PackInfo parse_pack_info(const std::string& json, const std::filesystem::path& file) {
  const Reader reader(file);
  const Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded()) reader.fail("is not JSON");
  return read_info(reader, parsed);
}

std::string pack_info_json(const PackInfo& info) {
  Json json = {{"format", kFormat},
               {"version", info.version},
               {"name", info.name},
               {"source", info.source},
               {"crop", info.crop},
               {"count", info.count},
               {"label_names", info.label_names}};
  if (!info.label_names.empty()) json["labels"] = file_json(info.labels);
  if (info.has_split()) json["split"] = file_json(info.split);
  json["levels"] = Json::array();
  for (const PackLevel& level : info.levels) {
    Json shards = Json::array();
    for (const PackShard& shard : level.shards) {
      Json entry = file_json(shard.file);
      entry["first"] = shard.first;
      entry["count"] = shard.count;
      shards.push_back(std::move(entry));
    }
    json["levels"].push_back({{"resolution", level.resolution},
                              {"encoding", level.encoding},
                              {"index", file_json(level.index)},
                              {"shards", std::move(shards)}});
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace pgan::data
