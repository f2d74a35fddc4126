#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "checkpoint/load.h"
#include "checkpoint/store.h"

namespace pgan::checkpoint {

/// Of checkpoints in ascending order, those to delete once `committed` (in images) is in place.
///
/// Kept: the newest keep_last up to it, the first of each keep_every_kimg, and all beyond it: those
/// belong to another branch of the run (a resume from an older checkpoint), which is not ours to
/// end.
std::vector<Listed> expendable(const std::vector<Listed>& checkpoints, std::int64_t committed,
                               const StoreOptions& options);

/// Deletes a checkpoint so that what an interruption leaves does not look like one. Warns on
/// failure.
void delete_checkpoint(const std::filesystem::path& folder);

/// Removes what a killed job left in a run's folder: half-written, replaced, half-deleted
/// checkpoints.
void clear_leftovers(const std::filesystem::path& run);

/// Points `<run>/latest` at a checkpoint, atomically. Throws CheckpointError.
void point_latest(const std::filesystem::path& run, const std::filesystem::path& folder);

}  // namespace pgan::checkpoint
