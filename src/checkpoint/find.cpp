#include <algorithm>
#include <charconv>
#include <functional>
#include <system_error>
#include <utility>

#include "checkpoint/file.h"
#include "checkpoint/load.h"
#include "checkpoint/pieces.h"
#include "checkpoint/shard_file.h"
#include "comm/agree.h"
#include "comm/together.h"
#include "core/error.h"
#include "core/log.h"

namespace pgan::checkpoint {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kLongestManifest = std::int64_t{64} << 20;

/// Images in a checkpoint folder's name; nullopt for any other name.
std::optional<std::int64_t> images_of(const std::string& name) {
  constexpr std::string_view kPrefix = "images-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::int64_t images = 0;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, images);
  if (error != std::errc() || stop != end || name != folder_name(images)) return std::nullopt;
  return images;
}

/// The name a folder would have, also for one that a crash left between two renames (file.h).
std::string settled_name(const std::string& name) {
  constexpr std::string_view kSuffix = ".replaced";
  if (!name.starts_with(".") || !name.ends_with(kSuffix)) return name;
  return name.substr(1, name.size() - 1 - kSuffix.size());
}

std::string present(const fs::path& path) {
  return path.lexically_normal().string();
}

bool is_checkpoint(const fs::path& where) {
  std::error_code ignored;
  if (fs::exists(where / kManifestName, ignored)) return true;
  const fs::path real = fs::weakly_canonical(where, ignored);
  return fs::is_directory(where, ignored) && images_of(real.filename().string()).has_value();
}

/// Folders to try, newest first.
std::vector<fs::path> candidates(const fs::path& where) {
  std::error_code error;
  const fs::file_status status = fs::status(where, error);
  if (status.type() == fs::file_type::not_found) return {};
  if (error) throw UnreadableError("cannot look at " + present(where) + ": " + error.message());
  if (status.type() != fs::file_type::directory) {
    throw CheckpointError(present(where) + " is no folder: expected a run's or a checkpoint's");
  }
  if (is_checkpoint(where)) return {fs::canonical(where)};
  std::vector<fs::path> result;
  for (const Listed& one : list(where)) result.push_back(one.folder);
  std::reverse(result.begin(), result.end());
  return result;
}

std::string read_manifest(const fs::path& folder) {
  return read_text_file(folder / kManifestName, kLongestManifest);
}

/// Checks this rank's part of the files: some by their headers, its own pieces by their contents.
void check_part(const Found& found, int rank, int ranks, Depth depth) {
  const std::vector<int> readers = plan_readers(found.manifest, ranks);
  std::vector<std::byte> buffer(depth == Depth::contents ? kPieceBytes : 0);
  std::size_t piece = 0;
  for (std::size_t shard = 0; shard < found.manifest.shards.size(); ++shard) {
    const auto& pieces = found.manifest.shards[shard].pieces;
    const auto first = readers.begin() + static_cast<std::ptrdiff_t>(piece);
    const auto last = first + static_cast<std::ptrdiff_t>(pieces.size());
    const bool mine = std::cmp_equal(shard % static_cast<std::size_t>(ranks), rank);
    piece += pieces.size();
    if (!mine && std::find(first, last, rank) == last) continue;
    const ShardFile file(found.folder, found.manifest, shard);
    if (depth == Depth::headers) continue;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (first[static_cast<std::ptrdiff_t>(i)] != rank) continue;
      const auto bytes = piece_bytes(found.manifest.tensors, pieces[i]);
      file.read(i, std::span(buffer).first(static_cast<std::size_t>(bytes)));
    }
  }
}

/// Collective: work on every rank, or on rank 0 alone, that reads a checkpoint. An UnreadableError
/// of any rank is one on all.
void read_together(comm::Communicator& host, bool everywhere, const std::function<void()>& work) {
  bool unreadable = false;
  const auto watched = [&] {
    try {
      work();
    } catch (const UnreadableError&) {
      unreadable = true;
      throw;
    }
  };
  try {
    if (everywhere) {
      comm::together(host, watched);
    } else {
      comm::on_rank_0(host, watched);
    }
  } catch (const comm::AgreedError& error) {
    const auto answers = comm::gather_text(host, unreadable ? "unreadable" : "");
    if (std::ranges::count(answers, "unreadable") > 0) throw UnreadableError(error.what());
    throw;
  }
}

/// Collective: the checkpoint in a folder. Throws the same on every rank where it is not whole.
Found open_together(const fs::path& folder, comm::Communicator& host, Depth depth) {
  std::string text;
  read_together(host, false, [&] { text = read_manifest(folder); });
  text = comm::broadcast_text(host, std::move(text));
  refuse_newer_format(text, present(folder / kManifestName));
  Found found{folder, {}};
  read_together(host, true, [&] {
    found.manifest = Manifest::from_json(text, present(folder / kManifestName));
    check_part(found, host.rank(), host.size(), depth);
  });
  return found;
}

/// Tries the folders in order; `open` throws for one that is not whole. What is wrong with the ones
/// passed over is said once an older one was found; one of a newer format, or that cannot be read,
/// is not passed over.
template <class Open>
std::optional<Found> first_whole(const std::vector<fs::path>& folders, bool speak, Open open) {
  std::vector<std::string> problems;
  for (const fs::path& folder : folders) {
    try {
      Found found = open(folder);
      if (speak && !problems.empty()) {
        for (const std::string& problem : problems)
          log_warning("not a whole checkpoint: " + problem);
        log_warning("using the older checkpoint " + present(folder));
      }
      return found;
    } catch (const NewerFormat&) {
      throw;
    } catch (const UnreadableError&) {
      throw;
    } catch (const Error& error) {
      if (error.code() != ExitCode::checkpoint) throw;
      problems.emplace_back(error.what());
    }
  }
  if (folders.empty()) return std::nullopt;
  const std::string others =
      folders.size() > 1
          ? " (and none of the " + std::to_string(folders.size() - 1) + " older ones is whole)"
          : "";
  throw CheckpointError(
      (folders.size() > 1 ? "no whole checkpoint: " : "not a whole checkpoint: ") +
      problems.front() + others);
}

}  // namespace

std::vector<Listed> list(const fs::path& run) {
  std::error_code error;
  const fs::file_status status = fs::status(run, error);
  if (status.type() == fs::file_type::not_found) return {};
  if (error) throw UnreadableError("cannot look into " + present(run) + ": " + error.message());
  std::vector<Listed> result;
  for (fs::directory_iterator entry(run, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const std::string settled = settled_name(name);
    const auto images = images_of(settled);
    std::error_code ignored;
    if (!images) continue;  // what has the name and is no folder is found out when it is opened
    if (settled != name && fs::exists(run / settled, ignored)) continue;
    result.push_back({entry->path(), *images});
  }
  if (error) throw UnreadableError("cannot list " + present(run) + ": " + error.message());
  std::sort(result.begin(), result.end(),
            [](const Listed& a, const Listed& b) { return a.images < b.images; });
  return result;
}

std::optional<Found> find_newest(const fs::path& where, comm::Communicator& host, Depth depth) {
  std::string names;
  comm::on_rank_0(host, [&] {
    for (const fs::path& folder : candidates(where)) names += folder.string() + '\0';
  });
  names = comm::broadcast_text(host, std::move(names));
  std::vector<fs::path> folders;
  for (std::size_t at = 0; at < names.size();) {
    const std::size_t end = names.find('\0', at);
    folders.emplace_back(names.substr(at, end - at));
    at = end + 1;
  }
  try {
    return first_whole(folders, host.rank() == 0,
                       [&](const fs::path& folder) { return open_together(folder, host, depth); });
  } catch (const CheckpointError& error) {
    throw comm::AgreedError(error.code(), error.what());  // each rank came to the same end
  }
}

Found open_newest(const fs::path& where, Depth depth, bool speak) {
  const auto found = first_whole(candidates(where), speak, [&](const fs::path& folder) {
    const std::string text = read_manifest(folder);
    refuse_newer_format(text, present(folder / kManifestName));
    Found one{folder, Manifest::from_json(text, present(folder / kManifestName))};
    check_part(one, 0, 1, depth);
    return one;
  });
  if (found) return *found;
  throw CheckpointError("no checkpoint in " + present(where) +
                        ": expected a run's folder or a checkpoint's (images-...)");
}

}  // namespace pgan::checkpoint
