#include "data/pack_info.h"

#include <algorithm>
#include <array>
#include <limits>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/printable.h"

namespace pgan::data {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kMaxCount = std::int64_t{1} << 40, kMaxSide = 4096;
constexpr std::size_t kMaxLabels = 1 << 16, kMaxDomains = 64;
constexpr std::int64_t kMaxBytes = std::numeric_limits<std::int64_t>::max();
constexpr const char* kFormat = "pgan-pack";
constexpr std::array<Encoding, 4> kEncodings = {Encoding::ppm, Encoding::png, Encoding::jpg,
                                                Encoding::reduced};
constexpr std::array<Split, 3> kSplits = {Split::train, Split::validation, Split::test};

/// A value for a message. Lists and objects are not written out: that follows their levels down the
/// stack, however many a file has.
std::string shown(const Json& value) {
  return value.is_structured() ? value.type_name() : printable(value.dump().substr(0, 40));
}

/// dataset.json's fields with their checks; every message names the file and the field.
class Reader {
 public:
  explicit Reader(std::filesystem::path file) : file_(std::move(file)) {}

  const std::filesystem::path& file() const { return file_; }

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
           std::to_string(high) + ", found " + shown(value));
    }
    return number;
  }

  std::string text(const Json& parent, const std::string& name) const {
    const Json& value = member(parent, name);
    if (!value.is_string()) fail("'" + name + "': expected a text");
    return value.get<std::string>();
  }

  bool boolean(const Json& parent, const std::string& name) const {
    const Json& value = member(parent, name);
    if (!value.is_boolean()) fail("'" + name + "': expected true or false");
    return value.get<bool>();
  }

  const Json& list(const Json& parent, const std::string& name) const {
    const Json& value = member(parent, name);
    if (!value.is_array()) fail("'" + name + "': expected a list");
    return value;
  }

  PackFile file(const Json& parent) const {
    PackFile out{text(parent, "file"), integer(parent, "bytes", 0, kMaxBytes),
                 text(parent, "xxh3")};
    const std::string name = printable(out.name);
    const bool plain = !out.name.empty() && out.name != "." && out.name != ".." &&
                       name == out.name && name.find_first_of("/\\") == std::string::npos;
    if (!plain) fail("'file': expected a plain file name, found '" + name + "'");
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

  std::vector<std::string> texts(const Json& parent, const std::string& name,
                                 std::size_t most) const {
    std::vector<std::string> out;
    for (const Json& value : list(parent, name)) {
      if (!value.is_string()) fail("'" + name + "': expected texts");
      out.push_back(value.get<std::string>());
    }
    if (out.size() > most) fail("'" + name + "': more than " + std::to_string(most));
    return out;
  }

  /// They become names of folders.
  void check_domains(const std::vector<std::string>& domains) const {
    for (const std::string& name : domains) {
      const bool plain = !name.empty() && name[0] != '.' && printable(name) == name &&
                         name.find_first_of("/\\") == std::string::npos;
      if (!plain || std::ranges::count(domains, name) > 1) {
        fail("'domains': expected different plain names, found '" + printable(name) + "'");
      }
    }
    if (domains.size() == 1) fail("'domains': expected none, or two or more");
  }

  /// A range that begins at `next`, which then is where it ends.
  RecordRange range(const Json& json, std::int64_t& next, std::int64_t count,
                    const std::string& what) const {
    const RecordRange out{integer(json, "first", 0, kMaxCount), integer(json, "count", 1, count)};
    if (out.first != next || out.count > count - next) {
      fail(what + ": its records do not follow those before");
    }
    next += out.count;
    return out;
  }

  Encoding encoding(const Json& json) const {
    const std::string name = text(json, "encoding");
    for (const Encoding value : kEncodings) {
      if (encoding_name(value) == name) return value;
    }
    fail("'encoding': expected ppm, png, jpg or reduced, found '" + printable(name) + "'");
  }

  PackLevel level(const Json& json, const PackInfo& info) const {
    PackLevel level;
    level.resolution = integer(json, "resolution", 4, kMaxSide);
    level.encoding = encoding(json);
    if (level.encoding == Encoding::jpg) level.quality = integer(json, "quality", 1, 100);
    if (level.encoding == Encoding::reduced) {
      level.from = integer(json, "from", 8, kMaxSide);
      return level;
    }
    level.index = table(member(json, "index"), info.index_entry_bytes() * info.count);
    std::int64_t next = 0;
    for (const Json& entry : list(json, "shards")) {
      PackShard shard{file(entry), {}};
      shard.records = range(entry, next, info.count, shard.file.name);
      level.shards.push_back(std::move(shard));
    }
    if (next != info.count) fail("level " + std::to_string(level.resolution) + " lacks records");
    return level;
  }

  std::vector<PackPart> parts(const Json& json, const PackInfo& info) const {
    std::vector<PackPart> out;
    std::int64_t next = 0;
    const auto domains = std::max<std::int64_t>(1, std::ssize(info.domains));
    for (const Json& entry : list(json, "parts")) {
      PackPart part;
      part.domain = integer(entry, "domain", 0, domains - 1);
      const std::string name = text(entry, "split");
      const auto split = std::ranges::find(kSplits, name, split_name);
      if (split == kSplits.end()) {
        fail("'split': expected train, validation or test, found '" + printable(name) + "'");
      }
      part.split = *split;
      part.records = range(entry, next, info.count, "'parts'");
      const auto order = [](const PackPart& p) { return std::pair(p.domain, p.split); };
      if (!out.empty() && order(out.back()) >= order(part)) {
        fail("'parts': expected them by domain, then split");
      }
      out.push_back(part);
    }
    if (next != info.count) fail("'parts' lack records");
    return out;
  }

 private:
  std::filesystem::path file_;
};

void check_levels(const Reader& reader, const PackInfo& info) {
  std::int64_t before = 0, power = 0;
  for (const PackLevel& level : info.levels) {
    if (level.resolution <= before) reader.fail("'levels': expected ascending resolutions");
    before = level.resolution;
    if (is_power_of_two(level.resolution)) {
      if (power != 0 && level.resolution != 2 * power) {
        reader.fail("'levels': expected powers of two without gaps");
      }
      power = level.resolution;
    }
    if (level.encoding != Encoding::reduced) continue;
    const auto from = std::ranges::find(info.levels, level.from, &PackLevel::resolution);
    const bool scaled = from != info.levels.end() && from->encoding == Encoding::jpg &&
                        (level.from == 2 * level.resolution || level.from == 4 * level.resolution ||
                         level.from == 8 * level.resolution);
    if (!scaled) {
      reader.fail("level " + std::to_string(level.resolution) +
                  ": expected 'from' to be a JPEG level of 2, 4 or 8 times its size");
    }
  }
  if (info.levels.empty()) reader.fail("'levels' is empty");
}

void check_pairs(const Reader& reader, const PackInfo& info) {
  for (const Split split : kSplits) {
    for (std::int64_t domain = 1; info.paired && domain < std::ssize(info.domains); ++domain) {
      if (info.range(split, domain).count != info.range(split).count) {
        reader.fail("'paired', but the domains have different numbers of records");
      }
    }
  }
}

PackInfo read_info(const Reader& reader, const Json& json) {
  PackInfo info;
  const auto format = json.is_object() ? json.find("format") : json.end();
  if (!json.is_object() || format == json.end() || *format != kFormat) {
    reader.fail("is not a pack's: expected \"format\": \"pgan-pack\"");
  }
  info.version = reader.integer(json, "version", 1, kMaxCount);
  if (info.version > PackInfo::kVersion) {
    throw DataError(reader.file().string() + ": version " + std::to_string(info.version) +
                    ", but this program reads up to " + std::to_string(PackInfo::kVersion) +
                    "; a newer pgan-train reads this pack");
  }
  info.name = reader.text(json, "name");
  info.source = reader.text(json, "source");
  info.crop = reader.text(json, "crop");
  info.count = reader.integer(json, "count", 1, kMaxCount);
  info.label_names = reader.texts(json, "label_names", kMaxLabels);
  if (const std::int64_t labels = std::ssize(info.label_names); labels > 0) {
    info.labels = reader.table(reader.member(json, "labels"), 4 * info.count * labels);
  }
  if (info.version == 1) {
    // It had its split in a file and trained on all records: so it goes on.
    if (json.contains("split")) info.split = reader.table(reader.member(json, "split"), info.count);
    info.parts = {{.records = {0, info.count}}};
  } else {
    info.domains = reader.texts(json, "domains", kMaxDomains);
    reader.check_domains(info.domains);
    info.paired = reader.boolean(json, "paired");
    info.parts = reader.parts(json, info);
    if (json.contains("skipped")) info.skipped = reader.file(reader.member(json, "skipped"));
    check_pairs(reader, info);
  }
  for (const Json& entry : reader.list(json, "levels")) {
    info.levels.push_back(reader.level(entry, info));
  }
  check_levels(reader, info);
  return info;
}

}  // namespace

PackInfo parse_pack_info(const std::string& json, const std::filesystem::path& file) {
  const Reader reader(file);
  const Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded()) reader.fail("is not JSON");
  return read_info(reader, parsed);
}

}  // namespace pgan::data
