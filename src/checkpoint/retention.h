#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "checkpoint/load.h"
#include "checkpoint/store.h"

namespace pgan::checkpoint {

/// Of checkpoints in ascending order, those to delete once `committed` (in images) is in place.
///
/// Kept: the newest keep_last up to it, the first of each keep_every_kimg, the one that `rating`
/// likes best, and all beyond `committed`: those are not what this run saved.
std::vector<Listed> expendable(const std::vector<Listed>& checkpoints, std::int64_t committed,
                               const StoreOptions& options, const Rating& rating = nullptr);

/// Deletes a checkpoint so that what an interruption leaves does not look like one. Warns on
/// failure.
void delete_checkpoint(const std::filesystem::path& folder);

/// Removes what a killed job left in a run's folder: half-written, replaced, half-deleted
/// checkpoints. One that was to be replaced, and was not, gets its name back.
void clear_leftovers(const std::filesystem::path& run);

/// Renames the checkpoints beyond `images` to `damaged-<name>`: they were found not whole, and what
/// the run saves next is not to be confused with them. Nothing is deleted.
void set_aside_beyond(const std::filesystem::path& run, std::int64_t images);

/// Points `<run>/latest` at a checkpoint, atomically. Throws CheckpointError.
void point_latest(const std::filesystem::path& run, const std::filesystem::path& folder);

}  // namespace pgan::checkpoint
