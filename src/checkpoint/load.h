#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/manifest.h"
#include "comm/communicator.h"
#include "core/types.h"

namespace pgan::checkpoint {

/// A checkpoint that was opened: its folder and what it holds.
struct Found {
  std::filesystem::path folder;
  Manifest manifest;
};

/// A folder that looks like a checkpoint by its name; nothing in it was read.
struct Listed {
  std::filesystem::path folder;
  std::int64_t images = 0;
};

/// How far a checkpoint is read before it is called whole.
enum class Depth {
  headers,  ///< manifest, and each file's length and header
  contents  ///< also all checksums
};

/// Checkpoints of a run, by images, ascending. Empty when the folder does not exist.
std::vector<Listed> list(const std::filesystem::path& run);

/// Collective: the newest whole checkpoint of a run's folder, or the one that `where` itself is.
///
/// Ranks check the files between them and agree, so that all get the same answer. One that is not
/// whole is named in a warning (rank 0) and the one before is tried. nullopt when there is none at
/// all; throws comm::AgreedError (exit 4) when there are only broken ones, or one that a newer
/// program wrote or that cannot be read just now: to go on from an older one would lose what it
/// holds.
std::optional<Found> find_newest(const std::filesystem::path& where, comm::Communicator& host,
                                 Depth depth = Depth::contents);

/// The same for one process. Throws CheckpointError also when there is none. speak: warn of those
/// passed over.
Found open_newest(const std::filesystem::path& where, Depth depth = Depth::headers,
                  bool speak = true);

/// Collective: fills the given tensors in place, at any rank count and into any strides and device.
///
/// Each rank reads its share of the bytes and checks it; when all have, pieces are broadcast one by
/// one. Names, shapes and dtypes must be exactly the checkpoint's, on every rank. Extra memory: one
/// share and 16 MiB. Throws comm::AgreedError (exit 4) on every rank, with no target touched, for a
/// difference (the first is named), an unreadable file or a wrong checksum.
void load_into(const Found& found, const TensorMap& targets, comm::Communicator& host);

/// Tensors whose names start with prefix, contiguous, on the CPU, names kept; checksums are
/// verified. One process. Throws CheckpointError.
TensorMap read_tensors(const Found& found, const std::string& prefix = "");
/// The same for names that `wanted` says yes to.
TensorMap read_tensors(const Found& found,
                       const std::function<bool(const std::string& name)>& wanted);

/// Reads every byte and throws CheckpointError at the first that is not as written. One process.
void verify(const Found& found);

}  // namespace pgan::checkpoint
