#include "checkpoint/manifest.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "checkpoint/file.h"
#include "checkpoint/json.h"
#include "checkpoint/safetensors.h"
#include "core/error.h"

namespace pgan::checkpoint {
namespace {

constexpr int kMostRanks = 99'999;
constexpr std::int64_t kMostBytes = std::int64_t{1} << 60;

std::string hex(std::uint64_t value) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(value));
  return digits;
}

std::uint64_t parse_hex(const Json& value, const std::string& where) {
  const std::string digits = text(value, where);
  const bool valid =
      digits.size() == 16 && digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!valid) throw CheckpointError(where + ": expected 16 hexadecimal digits");
  return std::stoull(digits, nullptr, 16);
}

std::string dump(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

std::map<std::string, std::string> parse_texts(const Json& object, const std::string& where) {
  if (!object.is_object()) throw CheckpointError(where + ": expected a JSON object");
  std::map<std::string, std::string> result;
  for (const auto& [key, value] : object.items()) result[key] = text(value, where + " " + key);
  return result;
}

TensorEntry parse_tensor(const Json& object, const std::string& where) {
  TensorEntry entry;
  const auto dtype = dtype_of(text(member(object, "dtype", where), where + " dtype"));
  if (!dtype) throw CheckpointError(where + ": unknown dtype");
  entry.dtype = *dtype;
  const Json& shape = member(object, "shape", where);
  if (!shape.is_array() || shape.size() > 16) {
    throw CheckpointError(where + ": expected a shape of at most 16 numbers");
  }
  for (const Json& size : shape) {
    entry.shape.push_back(integer(size, 0, kMostBytes, where + " shape"));
  }
  if (element_count(entry.shape, where) > kMostBytes / 8) {
    throw CheckpointError(where + ": impossible shape");
  }
  return entry;
}

std::map<std::string, TensorEntry> parse_tensors(const Json& object, const std::string& where) {
  if (!object.is_object()) throw CheckpointError(where + " tensors: expected a JSON object");
  std::map<std::string, TensorEntry> tensors;
  std::int64_t total = 0;
  for (const auto& [name, value] : object.items()) {
    check_name(name, where);
    const TensorEntry& entry = tensors[name] = parse_tensor(value, where + ": tensor " + name);
    if ((total += entry.bytes()) > kMostBytes) throw CheckpointError(where + ": impossible sizes");
  }
  return tensors;
}

Shard parse_shard(const Json& object, const std::string& where) {
  Shard shard;
  shard.file = text(member(object, "file", where), where + " file");
  shard.bytes = integer(member(object, "bytes", where), 0, kMostBytes, where + " bytes");
  shard.header_checksum = parse_hex(member(object, "header_xxh3", where), where + " header_xxh3");
  const Json& pieces = member(object, "pieces", where);
  if (!pieces.is_array()) throw CheckpointError(where + " pieces: expected a list");
  for (const Json& piece : pieces) {
    if (!piece.is_array() || piece.size() != 4) {
      throw CheckpointError(where + " pieces: expected [tensor, first, count, xxh3]");
    }
    shard.pieces.push_back({text(piece[0], where + " pieces"),
                            integer(piece[1], 0, kMostBytes, where + " pieces"),
                            integer(piece[2], 1, kMostBytes, where + " pieces"),
                            parse_hex(piece[3], where + " pieces")});
  }
  return shard;
}

Json shard_json(const Shard& shard) {
  Json pieces = Json::array();
  for (const Piece& piece : shard.pieces) {
    pieces.push_back({piece.tensor, piece.first, piece.count, hex(piece.checksum)});
  }
  return {{"file", shard.file},
          {"bytes", shard.bytes},
          {"header_xxh3", hex(shard.header_checksum)},
          {"pieces", std::move(pieces)}};
}

/// The format comes first: another format may have another kind of checksum.
void check_format(const Json& document, const std::string& where) {
  const std::int64_t format =
      integer(member(document, "format", where), 1, INT64_MAX, where + " format");
  if (format > kFormat) {
    throw CheckpointError(where + ": checkpoint format " + std::to_string(format) +
                          ", this program reads up to " + std::to_string(kFormat) +
                          "; use the newer pgan-train that wrote it, or move the checkpoint away");
  }
}

void check_checksum(Json& document, std::string_view text, const std::string& where) {
  const std::uint64_t expected = parse_hex(member(document, "xxh3", where), where + " xxh3");
  const bool canonical = dump(document) + "\n" == text;
  document.erase("xxh3");
  if (!canonical || checksum_of(dump(document)) != expected) {
    throw CheckpointError(where + ": wrong checksum; the file is damaged");
  }
}

/// True when one digit, read as this program's format, makes the checksum right again.
bool is_whole_but_for_format(Json document, const std::string& where) {
  document["format"] = kFormat;
  try {
    const std::string text = dump(document) + "\n";
    check_checksum(document, text, where);
  } catch (const CheckpointError&) {
    return false;
  }
  return true;
}

/// Sorted pieces of one tensor must follow each other from its first element to its last.
void check_cover(std::map<std::string, std::vector<std::pair<std::int64_t, std::int64_t>>>& ranges,
                 const std::map<std::string, TensorEntry>& tensors, const std::string& where) {
  for (const auto& [name, entry] : tensors) {
    auto& parts = ranges[name];
    std::sort(parts.begin(), parts.end());
    std::int64_t next = 0;
    for (const auto& [first, count] : parts) {
      if (first != next) break;
      next += count;
    }
    const std::int64_t last = parts.empty() ? 0 : parts.back().first + parts.back().second;
    if (next != entry.numel() || last != next) {
      throw CheckpointError(where + ": pieces of tensor " + name + " do not make it whole");
    }
  }
}

}  // namespace

void refuse_newer_format(std::string_view text, const std::string& where) {
  Json document;
  try {
    document = parse_json(text, where);
    check_format(document, where);
  } catch (const CheckpointError& error) {
    const bool newer = document.is_object() && document.contains("format") &&
                       document["format"].is_number_integer() && document["format"] > kFormat;
    if (newer && !is_whole_but_for_format(document, where)) throw NewerFormat(error.what());
  }
}

std::int64_t TensorEntry::numel() const {
  return element_count(shape, "tensor");
}

std::int64_t TensorEntry::bytes() const {
  return numel() * static_cast<std::int64_t>(torch::elementSize(dtype));
}

std::string Piece::name() const {
  return tensor + "[" + std::to_string(first) + ":" + std::to_string(first + count) + "]";
}

std::int64_t Shard::data_bytes(const std::map<std::string, TensorEntry>& tensors) const {
  std::int64_t bytes_of_pieces = 0;
  for (const Piece& piece : pieces) {
    bytes_of_pieces +=
        piece.count * static_cast<std::int64_t>(torch::elementSize(tensors.at(piece.tensor).dtype));
  }
  return bytes_of_pieces;
}

std::string Shard::to_json() const {
  return shard_json(*this).dump();
}

Shard Shard::from_json(std::string_view text, const std::string& where) {
  return parse_shard(parse_json(text, where), where);
}

std::int64_t Manifest::bytes() const {
  std::int64_t total = 0;
  for (const Shard& shard : shards) total += shard.bytes;
  return total;
}

void Manifest::validate(const std::string& where) const {
  const auto require = [&](bool fine, const std::string& what) {
    if (!fine) throw CheckpointError(where + ": " + what);
  };
  require(progress.step >= 0 && progress.images >= 0, "negative progress");
  require(growth.resolution >= 1 && growth.resolution <= (1 << 20), "impossible resolution");
  require(growth.alpha >= 0 && growth.alpha <= 1, "alpha outside 0 to 1");
  require(ranks >= 1 && ranks <= kMostRanks, "impossible number of ranks");
  require(std::cmp_equal(shards.size(), ranks), "number of files differs from number of ranks");
  std::map<std::string, std::vector<std::pair<std::int64_t, std::int64_t>>> ranges;
  for (int rank = 0; rank < ranks; ++rank) {
    const Shard& shard = shards[static_cast<std::size_t>(rank)];
    require(shard.file == shard_name(rank, ranks),
            "unexpected file name for rank " + std::to_string(rank));
    for (const Piece& piece : shard.pieces) {
      const auto tensor = tensors.find(piece.tensor);
      require(tensor != tensors.end(), "a piece of an unknown tensor");
      const std::int64_t numel = tensor->second.numel();
      require(piece.first >= 0 && piece.count >= 1 && piece.first <= numel &&
                  piece.count <= numel - piece.first,
              "a piece beyond its tensor: " + piece.name());
      const auto size = static_cast<std::int64_t>(torch::elementSize(tensor->second.dtype));
      require(piece.count <= kPieceBytes / size, "a piece longer than 16 MiB: " + piece.name());
      ranges[piece.tensor].emplace_back(piece.first, piece.count);
    }
    require(shard.bytes > shard.data_bytes(tensors), "a file shorter than its pieces");
  }
  check_cover(ranges, tensors, where);
}

std::string Manifest::to_json() const {
  Json document = {{"format", format},
                   {"ranks", ranks},
                   {"recipe", recipe},
                   {"progress", {{"step", progress.step}, {"images", progress.images}}},
                   {"growth", {{"resolution", growth.resolution}, {"alpha", growth.alpha}}},
                   {"config", config},
                   {"extra", extra},
                   {"versions", versions},
                   {"tensors", Json::object()},
                   {"shards", Json::array()}};
  for (const auto& [name, entry] : tensors) {
    document["tensors"][name] = {{"dtype", dtype_name(entry.dtype)}, {"shape", entry.shape}};
  }
  for (const Shard& shard : shards) document["shards"].push_back(shard_json(shard));
  document["xxh3"] = hex(checksum_of(dump(document)));
  return dump(document) + "\n";
}

Manifest Manifest::from_json(std::string_view text_of_file, const std::string& where) {
  Json document = parse_json(text_of_file, where);
  check_format(document, where);
  check_checksum(document, text_of_file, where);
  const auto field = [&](const Json& object, const char* key) -> const Json& {
    return member(object, key, where);
  };
  Manifest manifest;
  const Json& progress = field(document, "progress");
  const Json& growth = field(document, "growth");
  manifest.recipe = text(field(document, "recipe"), where + " recipe");
  check_name(manifest.recipe, where + " recipe");
  manifest.progress = {integer(field(progress, "step"), 0, INT64_MAX, where + " step"),
                       integer(field(progress, "images"), 0, INT64_MAX, where + " images")};
  manifest.growth = {integer(field(growth, "resolution"), 1, 1 << 20, where + " resolution"),
                     number(field(growth, "alpha"), where + " alpha")};
  manifest.config = parse_texts(field(document, "config"), where + " config");
  manifest.extra = parse_texts(field(document, "extra"), where + " extra");
  manifest.versions = parse_texts(field(document, "versions"), where + " versions");
  manifest.ranks =
      static_cast<int>(integer(field(document, "ranks"), 1, kMostRanks, where + " ranks"));
  manifest.tensors = parse_tensors(field(document, "tensors"), where);
  const Json& shards = field(document, "shards");
  if (!shards.is_array()) throw CheckpointError(where + " shards: expected a list");
  for (const Json& shard : shards) manifest.shards.push_back(parse_shard(shard, where + " shards"));
  manifest.validate(where);
  return manifest;
}

std::string text_of(const TensorEntry& entry) {
  std::string text(dtype_name(entry.dtype));
  text += " [";
  for (std::size_t i = 0; i < entry.shape.size(); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(entry.shape[i]);
  }
  text += ']';
  return text;
}

std::string shard_name(int rank, int ranks) {
  char name[64];
  std::snprintf(name, sizeof name, "rank-%05d-of-%05d.safetensors", rank, ranks);
  return name;
}

std::string folder_name(std::int64_t images) {
  char name[64];
  std::snprintf(name, sizeof name, "images-%012lld", static_cast<long long>(images));
  return name;
}

}  // namespace pgan::checkpoint
