#include "data/pack.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.h"
#include "data/decode.h"
#include "data/tar.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;
static_assert(std::endian::native == std::endian::little, "packs hold little-endian numbers");

constexpr std::size_t kMaxJsonBytes = std::size_t{256} << 20;

std::string list_text(const std::vector<std::int64_t>& values) {
  std::string text;
  for (const std::int64_t value : values)
    text += (text.empty() ? "" : ", ") + std::to_string(value);
  return text;
}

MappedFile map_checked(const fs::path& folder, const PackFile& file) {
  MappedFile mapped(folder / file.name);
  const auto found = static_cast<std::int64_t>(mapped.bytes().size());
  if (found != file.bytes) {
    throw DataError((folder / file.name).string() + ": expected " + std::to_string(file.bytes) +
                    " bytes, found " + std::to_string(found) +
                    "; the file is truncated or changed: copy or make the pack again");
  }
  return mapped;
}

std::string read_json(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder, error)) throw DataError(folder.string() + ": no such folder");
  if (!fs::exists(folder / "dataset.json", error)) {
    throw DataError(folder.string() + " is no pack: expected a folder with a dataset.json; " +
                    "pgan-data pack --from IMAGES --out PACK makes one from a folder of images");
  }
  const MappedFile file(folder / "dataset.json");
  if (file.bytes().size() > kMaxJsonBytes) {
    throw DataError((folder / "dataset.json").string() + ": more than 256 MiB");
  }
  return std::string(file.bytes().begin(), file.bytes().end());
}

}  // namespace

std::shared_ptr<const Pack> Pack::open(const fs::path& folder) {
  std::shared_ptr<Pack> pack(new Pack());
  pack->folder_ = folder;
  pack->info_ = parse_pack_info(read_json(folder), folder / "dataset.json");
  const PackInfo& info = pack->info_;
  for (const PackLevel& level : info.levels) {
    Level& opened = pack->levels_.emplace_back();
    const std::string side = std::to_string(level.resolution);
    opened.raw_header = "P6\n" + side + " " + side + "\n255\n";
    opened.index = map_checked(folder, level.index);
    for (const PackShard& shard : level.shards) {
      opened.shards.push_back(map_checked(folder, shard.file));
    }
  }
  if (info.has_split()) pack->split_ = map_checked(folder, info.split);
  const auto labels = static_cast<std::int64_t>(info.label_names.size());
  pack->labels_ = torch::empty({info.count, labels}, torch::kFloat32);
  if (labels > 0) {
    const MappedFile file = map_checked(folder, info.labels);
    std::memcpy(pack->labels_.mutable_data_ptr<float>(), file.bytes().data(), file.bytes().size());
  }
  return pack;
}

bool Pack::has_level(std::int64_t resolution) const {
  const auto is = [&](const PackLevel& level) { return level.resolution == resolution; };
  return std::any_of(info_.levels.begin(), info_.levels.end(), is);
}

void Pack::require_level(std::int64_t resolution) const {
  level_of(resolution);
}

std::size_t Pack::level_of(std::int64_t resolution) const {
  for (std::size_t i = 0; i < info_.levels.size(); ++i) {
    if (info_.levels[i].resolution == resolution) return i;
  }
  throw DataError(folder_.string() + ": has no level of " + std::to_string(resolution) +
                  " pixels, only " + list_text(info_.resolutions()) +
                  "; choose one of these resolutions or pack again with --resolution " +
                  std::to_string(resolution));
}

void Pack::damaged(const PackShard& shard, std::int64_t record, const std::string& why) const {
  throw DataError((folder_ / shard.file.name).string() + ": record " + std::to_string(record) +
                  ": " + why + "; pgan-data verify lists all faults");
}

Pack::Location Pack::locate(std::size_t level, std::int64_t record) const {
  if (record < 0 || record >= info_.count) {
    throw DataError(folder_.string() + ": no record " + std::to_string(record) + " of " +
                    std::to_string(info_.count));
  }
  const std::vector<PackShard>& shards = info_.levels[level].shards;
  const auto after = std::upper_bound(
      shards.begin(), shards.end(), record,
      [](std::int64_t value, const PackShard& shard) { return value < shard.first; });
  const auto which = static_cast<std::size_t>(after - shards.begin()) - 1;
  Location out{&shards[which], levels_[level].shards[which].bytes(), 0, 0};
  const std::uint8_t* entry = levels_[level].index.bytes().data() + 16 * record;
  std::memcpy(&out.offset, entry, 8);
  std::memcpy(&out.bytes, entry + 8, 8);
  if (out.offset > out.tar.size() || out.bytes > out.tar.size() - out.offset) {
    damaged(*out.shard, record, "the index points outside the shard");
  }
  return out;
}

std::span<const std::uint8_t> Pack::pixels(std::int64_t record, std::int64_t resolution,
                                           std::vector<std::uint8_t>& scratch) const {
  const std::size_t level = level_of(resolution);
  const Location at = locate(level, record);
  const auto bytes = at.tar.subspan(at.offset, at.bytes);
  const auto pixel_bytes = static_cast<std::size_t>(3 * resolution * resolution);
  if (info_.levels[level].encoding == "ppm") {
    const std::string& header = levels_[level].raw_header;
    if (bytes.size() != header.size() + pixel_bytes ||
        std::memcmp(bytes.data(), header.data(), header.size()) != 0) {
      damaged(*at.shard, record, "expected a raw picture of this level at the index's place");
    }
    return bytes.subspan(header.size());
  }
  scratch.resize(pixel_bytes);
  const std::string name =
      (folder_ / at.shard->file.name).string() + " record " + std::to_string(record);
  decode_square(bytes, name, resolution, scratch.data());
  return scratch;
}

torch::Tensor Pack::image(std::int64_t record, std::int64_t resolution) const {
  std::vector<std::uint8_t> scratch;
  const auto bytes = pixels(record, resolution, scratch);
  torch::Tensor out = torch::empty({3, resolution, resolution}, torch::kUInt8);
  std::uint8_t* planes = out.mutable_data_ptr<std::uint8_t>();
  const auto area = static_cast<std::size_t>(resolution * resolution);
  for (std::size_t i = 0; i < area; ++i) {
    for (std::size_t c = 0; c < 3; ++c) planes[c * area + i] = bytes[3 * i + c];
  }
  return out;
}

std::string Pack::record_json(std::int64_t record) const {
  const Location at = locate(0, record);
  const std::uint64_t header = tar_padded(at.offset + at.bytes);
  const TarStep step = read_tar_header(at.tar, header, (folder_ / at.shard->file.name).string());
  if (!step.entry || !step.entry->name.ends_with(".json")) {
    damaged(*at.shard, record, "expected its .json after the picture");
  }
  const auto text = at.tar.subspan(step.entry->offset, step.entry->bytes);
  return std::string(text.begin(), text.end());
}

}  // namespace pgan::data
