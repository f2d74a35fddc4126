#include "checkpoint/load.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "checkpoint/pieces.h"
#include "checkpoint/shard_file.h"
#include "comm/agree.h"
#include "comm/together.h"
#include "core/error.h"

namespace pgan::checkpoint {
namespace {

/// Throws CheckpointError with the first difference between what is there and what is wanted.
void match(const Found& found, const TensorMap& targets) {
  const auto fail = [&](const std::string& what) {
    throw CheckpointError(found.folder.string() + " does not fit this model: " + what);
  };
  const auto wanted = describe(targets);
  for (const auto& [name, entry] : wanted) {
    const auto stored = found.manifest.tensors.find(name);
    if (stored == found.manifest.tensors.end()) fail("no tensor " + name);
    if (stored->second != entry) {
      fail("tensor " + name + " is " + text_of(stored->second) + ", expected " + text_of(entry));
    }
  }
  for (const auto& [name, entry] : found.manifest.tensors) {
    if (!wanted.contains(name)) fail("unexpected tensor " + name + ", " + text_of(entry));
  }
}

/// Where a piece lies in its reader's buffer; aligned for every dtype.
struct Slot {
  std::size_t shard = 0;
  std::size_t index = 0;  ///< within the shard
  int reader = 0;
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

std::vector<Slot> plan_slots(const Manifest& manifest, int ranks) {
  const std::vector<int> readers = plan_readers(manifest, ranks);
  std::vector<Slot> slots;
  std::size_t offset = 0;
  for (std::size_t shard = 0; shard < manifest.shards.size(); ++shard) {
    const auto& pieces = manifest.shards[shard].pieces;
    for (std::size_t index = 0; index < pieces.size(); ++index) {
      const int reader = readers[slots.size()];
      if (!slots.empty() && slots.back().reader != reader) offset = 0;
      const auto bytes = static_cast<std::size_t>(piece_bytes(manifest.tensors, pieces[index]));
      slots.push_back({shard, index, reader, offset, bytes});
      offset += (bytes + 63) / 64 * 64;
    }
  }
  return slots;
}

/// Reads this rank's slots into one buffer, checking each piece.
std::unique_ptr<std::byte[]> read_share(const Found& found, const std::vector<Slot>& slots,
                                        int rank) {
  std::size_t bytes = 0;
  for (const Slot& slot : slots) {
    if (slot.reader == rank) bytes = slot.offset + slot.bytes;
  }
  auto buffer = std::make_unique_for_overwrite<std::byte[]>(bytes);
  std::unique_ptr<ShardFile> file;
  std::size_t opened = 0;
  for (const Slot& slot : slots) {
    if (slot.reader != rank) continue;
    if (!file || opened != slot.shard) {
      file = std::make_unique<ShardFile>(found.folder, found.manifest, slot.shard);
      opened = slot.shard;
    }
    file->read(slot.index, {buffer.get() + slot.offset, slot.bytes});
  }
  return buffer;
}

}  // namespace

void load_into(const Found& found, const TensorMap& targets, comm::Communicator& host) {
  comm::agree(host, [&] { match(found, targets); });
  const std::vector<Slot> slots = plan_slots(found.manifest, host.size());
  std::unique_ptr<std::byte[]> share;
  comm::together(host, [&] { share = read_share(found, slots, host.rank()); });
  const torch::Tensor scratch =
      torch::empty({host.size() > 1 ? kPieceBytes : 0}, torch::dtype(torch::kUInt8));
  for (const Slot& slot : slots) {
    const auto bytes = static_cast<std::int64_t>(slot.bytes);
    torch::Tensor buffer =
        slot.reader == host.rank()
            ? torch::from_blob(share.get() + slot.offset, {bytes}, torch::dtype(torch::kUInt8))
            : scratch.narrow(0, 0, bytes);
    host.broadcast(buffer, slot.reader)->wait();
    const Piece& piece = found.manifest.shards[slot.shard].pieces[slot.index];
    copy_in(targets.at(piece.tensor), piece.first, piece.count,
            {static_cast<const std::byte*>(buffer.const_data_ptr()), slot.bytes});
  }
}

TensorMap read_tensors(const Found& found, const std::string& prefix) {
  return read_tensors(found, [&](const std::string& name) { return name.starts_with(prefix); });
}

TensorMap read_tensors(const Found& found,
                       const std::function<bool(const std::string& name)>& wanted) {
  TensorMap tensors;
  for (const auto& [name, entry] : found.manifest.tensors) {
    if (!wanted(name)) continue;
    tensors[name] = torch::empty(entry.shape, torch::dtype(entry.dtype));
  }
  for (std::size_t rank = 0; rank < found.manifest.shards.size(); ++rank) {
    const ShardFile file(found.folder, found.manifest, rank);
    const auto& pieces = found.manifest.shards[rank].pieces;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const auto tensor = tensors.find(pieces[i].tensor);
      if (tensor == tensors.end()) continue;
      auto* data = static_cast<std::byte*>(tensor->second.mutable_data_ptr());
      const auto bytes = piece_bytes(found.manifest.tensors, pieces[i]);
      const auto offset = pieces[i].first * (bytes / pieces[i].count);
      file.read(i, {data + offset, static_cast<std::size_t>(bytes)});
    }
  }
  return tensors;
}

void verify(const Found& found) {
  std::vector<std::byte> buffer(static_cast<std::size_t>(kPieceBytes));
  for (std::size_t rank = 0; rank < found.manifest.shards.size(); ++rank) {
    const ShardFile file(found.folder, found.manifest, rank);
    const auto& pieces = found.manifest.shards[rank].pieces;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const auto bytes = piece_bytes(found.manifest.tensors, pieces[i]);
      file.read(i, std::span(buffer).first(static_cast<std::size_t>(bytes)));
    }
  }
}

}  // namespace pgan::checkpoint
