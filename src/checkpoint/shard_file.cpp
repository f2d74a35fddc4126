#include "checkpoint/shard_file.h"

#include <algorithm>

#include "checkpoint/file.h"
#include "checkpoint/pieces.h"
#include "core/error.h"

namespace pgan::checkpoint {

ShardFile::ShardFile(const std::filesystem::path& folder, const Manifest& manifest,
                     std::size_t rank)
    : manifest_(manifest),
      shard_(manifest.shards[rank]),
      path_(folder / shard_.file),
      file_(path_) {
  if (file_.file_bytes() != shard_.bytes) {
    throw CheckpointError(path_.string() + ": " + std::to_string(file_.file_bytes()) +
                          " bytes, expected " + std::to_string(shard_.bytes));
  }
  if (file_.header_checksum() != shard_.header_checksum) {
    throw CheckpointError(path_.string() + ": wrong checksum of its header; the file is damaged");
  }
  bool same = file_.entries().size() == shard_.pieces.size();
  for (std::size_t i = 0; same && i < shard_.pieces.size(); ++i) {
    const SafetensorsEntry& entry = file_.entries()[i];
    const Piece& piece = shard_.pieces[i];
    same = entry.name == piece.name() && entry.dtype == manifest_.tensors.at(piece.tensor).dtype &&
           entry.end - entry.begin == piece_bytes(manifest_.tensors, piece);
  }
  if (!same) throw CheckpointError(path_.string() + ": holds other pieces than the manifest says");
}

void ShardFile::read(std::size_t index, std::span<std::byte> bytes) const {
  const SafetensorsEntry& entry = file_.entries()[index];
  file_.read(entry, 0, bytes);
  if (checksum_of(bytes) != shard_.pieces[index].checksum) {
    throw CheckpointError(path_.string() + ": wrong checksum of " + entry.name +
                          "; the file is damaged");
  }
  check_bools(entry, bytes, path_.string());
}

}  // namespace pgan::checkpoint
