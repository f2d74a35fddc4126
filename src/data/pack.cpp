#include "data/pack.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.h"
#include "data/decode.h"
#include "data/output_file.h"
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

template <class Map>
std::shared_ptr<const Pack> Pack::open_with(const fs::path& folder, Map map) {
  std::shared_ptr<Pack> pack(new Pack());
  pack->folder_ = folder;
  pack->info_ = open_info(folder);
  const PackInfo& info = pack->info_;
  for (const PackLevel& level : info.levels) {
    Level& opened = pack->levels_.emplace_back();
    if (level.encoding == Encoding::reduced) continue;
    opened.raw_header = ppm_header(level.resolution);
    opened.index = map(level.index);
    for (const PackShard& shard : level.shards) {
      opened.shards.push_back(map(shard.file));
    }
  }
  const std::int64_t labels = std::ssize(info.label_names);
  if (labels > 0) pack->labels_file_ = map(info.labels);
  if (labels > 0 && std::ssize(pack->labels_file_.bytes()) == info.labels.bytes) {
    auto* data = const_cast<std::uint8_t*>(pack->labels_file_.bytes().data());
    pack->labels_ = torch::from_blob(data, {info.count, labels}, torch::kFloat32);
  } else {
    pack->labels_ = torch::empty({info.count, 0}, torch::kFloat32);
  }
  return pack;
}

PackInfo Pack::open_info(const fs::path& folder) {
  return parse_pack_info(read_json(folder), folder / "dataset.json");
}

std::shared_ptr<const Pack> Pack::open(const fs::path& folder) {
  const auto pack =
      open_with(folder, [&](const PackFile& file) { return map_checked(folder, file); });
  const auto labels = pack->labels_file_.bytes();
  if (!labels.empty() && (!bring_in(labels) || xxh3_text(labels) != pack->info_.labels.xxh3)) {
    throw DataError((folder / pack->info_.labels.name).string() +
                    ": its checksum differs; copy or make the pack again");
  }
  return pack;
}

std::shared_ptr<const Pack> Pack::open_damaged(const fs::path& folder,
                                               std::vector<std::string>& faults) {
  return open_with(folder, [&](const PackFile& file) {
    try {
      return map_checked(folder, file);
    } catch (const DataError& error) {
      faults.push_back(error.what());
    }
    try {
      return MappedFile(folder / file.name);
    } catch (const DataError&) {
      return MappedFile();
    }
  });
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
                  ": " + why);
}

Pack::Location Pack::locate(std::size_t level, std::int64_t record) const {
  if (record < 0 || record >= info_.count) {
    throw DataError(folder_.string() + ": no record " + std::to_string(record) + " of " +
                    std::to_string(info_.count));
  }
  const std::vector<PackShard>& shards = info_.levels[level].shards;
  const auto after = std::upper_bound(
      shards.begin(), shards.end(), record,
      [](std::int64_t value, const PackShard& shard) { return value < shard.records.first; });
  const auto which = static_cast<std::size_t>(after - shards.begin()) - 1;
  Location out{&shards[which], levels_[level].shards[which].bytes(), 0, 0, 0};
  const auto width = static_cast<std::size_t>(info_.index_entry_bytes());
  const auto index = levels_[level].index.bytes();
  const std::size_t at = width * static_cast<std::size_t>(record);
  if (index.size() < width || at > index.size() - width) {
    damaged(*out.shard, record, "the index ends before it");
  }
  const auto entry = index.subspan(at, width);
  if (!bring_in(entry)) damaged(*out.shard, record, "its index cannot be read");
  std::memcpy(&out.offset, entry.data(), 8);
  std::memcpy(&out.bytes, entry.data() + 8, 8);
  if (info_.version > 1) std::memcpy(&out.xxh3, entry.data() + 16, 8);
  if (out.offset > out.tar.size() || out.bytes > out.tar.size() - out.offset) {
    damaged(*out.shard, record, "the index points outside the shard");
  }
  return out;
}

std::span<const std::uint8_t> Pack::checked_bytes(std::size_t level, std::int64_t record) const {
  const Location at = locate(level, record);
  const auto bytes = at.tar.subspan(at.offset, at.bytes);
  if (!bring_in(bytes)) {
    damaged(*at.shard, record, "cannot be read: the disk failed or the file was cut");
  }
  if (info_.version > 1 && xxh3(bytes) != at.xxh3) {
    damaged(*at.shard, record, "its checksum differs");
  }
  return bytes;
}

std::span<const std::uint8_t> Pack::picture_file(std::int64_t record,
                                                 std::int64_t resolution) const {
  return checked_bytes(level_of(resolution), record);
}

std::span<const std::uint8_t> Pack::pixels(std::int64_t record, std::int64_t resolution,
                                           std::vector<std::uint8_t>& scratch) const {
  std::size_t level = level_of(resolution);
  if (info_.levels[level].encoding == Encoding::reduced) level = level_of(info_.levels[level].from);
  const PackLevel& stored = info_.levels[level];
  const auto bytes = checked_bytes(level, record);
  const auto pixel_bytes = static_cast<std::size_t>(3 * resolution * resolution);
  if (stored.encoding == Encoding::ppm) {
    const std::string& header = levels_[level].raw_header;
    if (bytes.size() != header.size() + pixel_bytes ||
        std::memcmp(bytes.data(), header.data(), header.size()) != 0) {
      damaged(*locate(level, record).shard, record,
              "expected a raw picture of this level at the index's place");
    }
    return bytes.subspan(header.size());
  }
  scratch.resize(pixel_bytes);
  const std::string name = folder_.string() + " record " + std::to_string(record);
  if (stored.encoding == Encoding::jpg) {
    decode_jpeg_square(bytes, name, stored.resolution, resolution, scratch.data());
  } else {
    decode_png_square(bytes, name, resolution, scratch.data());
  }
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
  // Beside the pictures of the first level that has any.
  std::size_t level = 0;
  while (info_.levels[level].encoding == Encoding::reduced) ++level;
  const Location at = locate(level, record);
  const std::uint64_t header = tar_padded(at.offset + at.bytes);
  const auto rest = at.tar.subspan(std::min<std::uint64_t>(header, at.tar.size()));
  if (!bring_in(rest.first(std::min<std::size_t>(rest.size(), TarWriter::kBlock)))) {
    damaged(*at.shard, record, "cannot be read");
  }
  const TarStep step = read_tar_header(at.tar, header, (folder_ / at.shard->file.name).string());
  if (!step.entry || !step.entry->name.ends_with(".json")) {
    damaged(*at.shard, record, "expected its .json after the picture");
  }
  const auto text = at.tar.subspan(step.entry->offset, step.entry->bytes);
  if (!bring_in(text)) damaged(*at.shard, record, "cannot be read");
  return std::string(text.begin(), text.end());
}

}  // namespace pgan::data
