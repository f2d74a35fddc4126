#include "data/new_folder.h"

#include <set>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file_error.h"
#include "data/pack.h"
#include "data/printable.h"

namespace pgan::data {
namespace fs = std::filesystem;

namespace {

/// --force replaces packs only, and what is theirs: other programs' data sets have a dataset.json
/// as well, and people put notes beside a pack.
void require_replaceable(const fs::path& folder) {
  std::set<std::string> known = {"dataset.json", "work", ".lock"};
  try {
    for (const PackFile& file : Pack::open_info(folder).files()) known.insert(file.name);
  } catch (const DataError&) {
    throw ConfigError(folder.string() +
                      " is not empty and no pack: --force replaces packs only; "
                      "choose another --out");
  }
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (known.contains(name)) continue;
    throw ConfigError(folder.string() + " holds " + printable(name) +
                      " beside its pack, which --force would delete; move it away");
  }
}

/// So that the names in it survive a crash of the machine; file systems that cannot are left alone.
void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

fs::path plain(const fs::path& target) {
  // A link is followed: what it leads to is made or replaced, not the link.
  std::error_code error;
  fs::path whole = fs::absolute(target).lexically_normal();
  for (int links = 0; links < 8 && fs::is_symlink(whole, error); ++links) {
    whole = (whole.parent_path() / fs::read_symlink(whole, error)).lexically_normal();
  }
  return whole.filename().empty() ? whole.parent_path() : whole;
}

}  // namespace

fs::path NewFolder::kept_path(const fs::path& target) {
  return plain(target).string() + ".partial";
}

NewFolder::NewFolder(fs::path target, bool replace, Unfinished unfinished)
    : target_(plain(target)), unfinished_(unfinished) {
  std::error_code error;
  if (fs::exists(target_, error)) {
    if (!fs::is_directory(target_, error)) {
      throw ConfigError(target_.string() + " exists and is no folder; choose another --out");
    }
    const bool empty = fs::is_empty(target_, error);
    if (!empty && !replace) {
      throw ConfigError(target_.string() +
                        " exists and is not empty; choose another --out, or "
                        "--force to replace a pack");
    }
    if (!empty) require_replaceable(target_);
  }
  partial_ = unfinished == Unfinished::kept
                 ? kept_path(target_)
                 : fs::path(target_.string() + ".partial-" + std::to_string(::getpid()));
  fs::create_directories(partial_, error);
  if (error) throw_file_error("cannot make the folder", partial_, error.value());
}

NewFolder::~NewFolder() {
  if (committed_ || unfinished_ == Unfinished::kept) return;
  std::error_code ignored;
  fs::remove_all(partial_, ignored);
}

void NewFolder::require_space(std::int64_t bytes) const {
  std::error_code error;
  const fs::space_info space = fs::space(partial_, error);
  if (error || space.available >= static_cast<std::uintmax_t>(bytes)) return;
  throw DataError(target_.string() + ": no space: about " + std::to_string(bytes >> 20) +
                  " MiB are needed and " + std::to_string(space.available >> 20) +
                  " MiB are free; choose another --out");
}

void NewFolder::commit() {
  std::error_code error;
  const fs::path old = target_.string() + ".old-" + std::to_string(::getpid());
  const bool replaces = fs::exists(target_, error) && !fs::is_empty(target_, error);
  error.clear();
  sync_folder(partial_);
  if (replaces) fs::rename(target_, old, error);
  if (!error) fs::rename(partial_, target_, error);
  if (error) {
    std::error_code ignored;
    if (replaces && !fs::exists(target_)) fs::rename(old, target_, ignored);
    throw DataError(target_.string() + ": cannot be put in place: " + error.message());
  }
  committed_ = true;
  sync_folder(target_.parent_path());
  if (replaces) fs::remove_all(old, error);
}

}  // namespace pgan::data
