#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "core/error.h"
#include "core/types.h"

namespace pgan::checkpoint {

/// Version of the manifest and of what it describes (docs/formats.md).
inline constexpr int kFormat = 1;

/// Name of a manifest in its checkpoint's folder.
inline constexpr std::string_view kManifestName = "manifest.json";

/// No piece is longer, so that a reader needs no larger buffer.
inline constexpr std::int64_t kPieceBytes = 16 << 20;

/// Written by a newer program: whole, as far as this one can tell, and not to be passed over.
class NewerFormat : public CheckpointError {
 public:
  using CheckpointError::CheckpointError;
};

/// Throws NewerFormat for a manifest of a later version than kFormat. A damaged digit does not make
/// a manifest newer: that is for from_json() to refuse.
void refuse_newer_format(std::string_view text, const std::string& where);

struct TensorEntry {
  torch::ScalarType dtype = torch::kFloat32;
  std::vector<std::int64_t> shape;  ///< empty: a scalar
  std::int64_t numel() const;
  std::int64_t bytes() const;
  bool operator==(const TensorEntry&) const = default;
};

/// Elements [first, first + count) of a tensor, in row-major order.
struct Piece {
  std::string tensor;
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::uint64_t checksum = 0;  ///< XXH3-64 of its bytes
  /// Its name within the shard, e.g. "G/to_rgb.weight[0:512]".
  std::string name() const;
  bool operator==(const Piece&) const = default;
};

/// One rank's file.
struct Shard {
  std::string file;                   ///< shard_name(rank, ranks)
  std::int64_t bytes = 0;             ///< length of the file
  std::uint64_t header_checksum = 0;  ///< XXH3-64 of all in front of the data
  std::vector<Piece> pieces;          ///< in the order of their data
  std::int64_t data_bytes(const std::map<std::string, TensorEntry>& tensors) const;
  bool operator==(const Shard&) const = default;
  /// As in the manifest, for ranks to tell rank 0. from_json throws CheckpointError naming `where`.
  std::string to_json() const;
  static Shard from_json(std::string_view text, const std::string& where);
};

/// What a checkpoint holds. The caller of Store::begin sets all down to `versions`; the rest is the
/// store's.
struct Manifest {
  std::string recipe;
  Progress progress;
  Growth growth;
  std::map<std::string, std::string> config;    ///< resolved options by name
  std::map<std::string, std::string> extra;     ///< e.g. "architecture": JSON of the networks
  std::map<std::string, std::string> versions;  ///< program, LibTorch, MPI, ...

  int format = kFormat;
  int ranks = 1;                               ///< that wrote it
  std::map<std::string, TensorEntry> tensors;  ///< by name
  std::vector<Shard> shards;                   ///< by rank

  std::int64_t bytes() const;  ///< of all shards
  /// Throws CheckpointError unless numbers are in range and the pieces cover each tensor exactly.
  void validate(const std::string& where) const;
  /// Canonical text, with a checksum of its own.
  std::string to_json() const;
  /// Strict: throws CheckpointError naming `where` for another format (both versions), damage to
  /// any byte, missing fields, and all that validate() refuses.
  static Manifest from_json(std::string_view text, const std::string& where);
};

/// "F32 [512,512,3,3]"
std::string text_of(const TensorEntry& entry);
/// "rank-00003-of-00008.safetensors"
std::string shard_name(int rank, int ranks);
/// "images-000000600000": 12 digits, more where needed.
std::string folder_name(std::int64_t images);

}  // namespace pgan::checkpoint
