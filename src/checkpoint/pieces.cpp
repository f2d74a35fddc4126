#include "checkpoint/pieces.h"

#include <algorithm>
#include <cstring>

#include "checkpoint/safetensors.h"
#include "core/error.h"

namespace pgan::checkpoint {
namespace {

/// (tensor view, first element): a part of the tensor that is one slice of it.
using Block = std::function<void(const torch::Tensor& view, std::int64_t offset)>;

/// Splits [first, first + count) into slices: a broken row, whole rows, a broken row, recursively.
void for_each_block(const torch::Tensor& tensor, std::int64_t first, std::int64_t count,
                    std::int64_t offset, const Block& block) {
  if (count == 0) return;
  if (count == tensor.numel()) return block(tensor, offset);
  const std::int64_t row = tensor.numel() / tensor.size(0);
  const auto part = [&](std::int64_t index, std::int64_t from, std::int64_t elements) {
    for_each_block(tensor.select(0, index), from, elements, offset, block);
    offset += elements;
  };
  const std::int64_t last = first + count;
  if (first % row != 0 || first / row == (last - 1) / row) {
    const std::int64_t elements = std::min(count, row - first % row);
    part(first / row, first % row, elements);
    first += elements;
  }
  const std::int64_t rows = (last - first) / row;
  if (rows > 0) {
    block(tensor.slice(0, first / row, first / row + rows), offset);
    offset += rows * row;
    first += rows * row;
  }
  if (first < last) part(first / row, 0, last - first);
}

/// One more cut at `limit` bytes within each tensor's range.
void add_pieces(std::vector<Piece>& pieces, const std::string& name, std::int64_t first,
                std::int64_t last, std::int64_t element_bytes) {
  const std::int64_t longest = kPieceBytes / element_bytes;
  for (; first < last; first += longest) {
    pieces.push_back({name, first, std::min(longest, last - first), 0});
  }
}

/// Share `rank` of `ranks` of `total`, without overflow.
std::int64_t share_start(std::int64_t total, int rank, int ranks) {
  return total / ranks * rank + total % ranks * rank / ranks;
}

}  // namespace

std::vector<Piece> plan_share(const std::map<std::string, TensorEntry>& tensors, int rank,
                              int ranks) {
  std::vector<const std::pair<const std::string, TensorEntry>*> order;
  std::int64_t total = 0;
  for (const auto& tensor : tensors) {
    order.push_back(&tensor);
    total += tensor.second.bytes();
  }
  const auto size_of = [](const auto* tensor) {
    return static_cast<std::int64_t>(torch::elementSize(tensor->second.dtype));
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const auto* a, const auto* b) { return size_of(a) > size_of(b); });
  const std::int64_t begin = share_start(total, rank, ranks);
  const std::int64_t end = share_start(total, rank + 1, ranks);
  std::vector<Piece> pieces;
  std::int64_t offset = 0;
  for (const auto* tensor : order) {
    const std::int64_t size = size_of(tensor), count = tensor->second.numel();
    const auto cut = [&](std::int64_t byte) {
      return std::clamp<std::int64_t>((byte - offset + size - 1) / size, 0, count);
    };
    add_pieces(pieces, tensor->first, cut(begin), cut(end), size);
    offset += count * size;
  }
  return pieces;
}

std::vector<int> plan_readers(const Manifest& manifest, int ranks) {
  std::vector<std::int64_t> middles;
  std::int64_t total = 0;
  for (const Shard& shard : manifest.shards) {
    for (const Piece& piece : shard.pieces) {
      const std::int64_t bytes = piece_bytes(manifest.tensors, piece);
      middles.push_back(total + bytes / 2);
      total += bytes;
    }
  }
  std::vector<int> readers;
  int rank = 0;
  for (const std::int64_t middle : middles) {
    while (rank + 1 < ranks && middle >= share_start(total, rank + 1, ranks)) ++rank;
    readers.push_back(rank);
  }
  return readers;
}

std::int64_t piece_bytes(const std::map<std::string, TensorEntry>& tensors, const Piece& piece) {
  return piece.count *
         static_cast<std::int64_t>(torch::elementSize(tensors.at(piece.tensor).dtype));
}

std::map<std::string, TensorEntry> describe(const TensorMap& state) {
  std::map<std::string, TensorEntry> result;
  for (const auto& [name, tensor] : state) {
    if (!tensor.defined()) throw CheckpointError("tensor " + name + " is undefined");
    dtype_name(tensor.scalar_type());
    result[name] = {tensor.scalar_type(), tensor.sizes().vec()};
  }
  return result;
}

void copy_out(const torch::Tensor& tensor, std::int64_t first, std::int64_t count,
              std::span<std::byte> bytes) {
  const at::NoGradGuard no_grad;
  const auto size = static_cast<std::int64_t>(tensor.element_size());
  for_each_block(tensor.detach(), first, count, 0, [&](const torch::Tensor& view, std::int64_t at) {
    if (view.is_cpu() && view.is_contiguous()) {
      // Without torch's threads: they would take the cores that training computes on.
      std::memcpy(bytes.data() + at * size, view.const_data_ptr(), view.nbytes());
      return;
    }
    torch::from_blob(bytes.data() + at * size, view.sizes(), torch::dtype(tensor.scalar_type()))
        .copy_(view);
  });
}

void copy_in(const torch::Tensor& tensor, std::int64_t first, std::int64_t count,
             std::span<const std::byte> bytes) {
  const at::NoGradGuard no_grad;
  const auto size = static_cast<std::int64_t>(tensor.element_size());
  for_each_block(tensor.detach(), first, count, 0, [&](const torch::Tensor& view, std::int64_t at) {
    auto* data = const_cast<std::byte*>(bytes.data()) + at * size;  // from_blob takes no const
    view.copy_(torch::from_blob(data, view.sizes(), torch::dtype(tensor.scalar_type())));
  });
}

}  // namespace pgan::checkpoint
