#include "checkpoint/retention.h"

#include <cmath>
#include <set>
#include <string>
#include <system_error>

#include "checkpoint/file.h"
#include "core/error.h"
#include "core/log.h"

namespace pgan::checkpoint {
namespace fs = std::filesystem;

namespace {

/// Images of the best rated, the earliest of equals; -1 when none is rated.
std::int64_t best_of(const std::vector<Listed>& checkpoints, const Rating& rating) {
  std::int64_t best = -1;
  double highest = -INFINITY;
  if (!rating) return best;
  for (const Listed& one : checkpoints) {
    const double value = rating(one.images).value_or(-INFINITY);
    if (!(value > highest)) continue;
    highest = value;
    best = one.images;
  }
  return best;
}

}  // namespace

std::vector<Listed> expendable(const std::vector<Listed>& checkpoints, std::int64_t committed,
                               const StoreOptions& options, const Rating& rating) {
  std::vector<Listed> result;
  if (options.keep_last == 0) return result;
  std::vector<Listed> ours;
  for (const Listed& one : checkpoints) {
    if (one.images <= committed) ours.push_back(one);
  }
  const std::int64_t best = best_of(ours, rating);
  const auto period = static_cast<std::int64_t>(std::llround(options.keep_every_kimg * 1000));
  const auto kept_last = static_cast<std::size_t>(options.keep_last);
  std::set<std::int64_t> periods;
  for (std::size_t i = 0; i + kept_last < ours.size(); ++i) {
    const bool first = period > 0 && periods.insert(ours[i].images / period).second;
    if (!first && ours[i].images != best) result.push_back(ours[i]);
  }
  return result;
}

void delete_checkpoint(const fs::path& folder) {
  const fs::path hidden = hidden_name(folder, "deleted");
  std::error_code error;
  fs::rename(folder, hidden, error);
  if (!error) fs::remove_all(hidden, error);
  if (error) {
    log_warning("cannot delete the old checkpoint " + hidden.string() + ": " + error.message());
  }
}

void clear_leftovers(const fs::path& run) {
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(".images-")) continue;
    const fs::path visible = run / name.substr(1, name.rfind('.') - 1);
    const bool replaced = name.ends_with(".replaced");
    if (replaced && !fs::exists(visible)) {
      fs::rename(entry.path(), visible);  // the crash came before its successor's rename
    } else if (replaced || name.ends_with(".partial") || name.ends_with(".deleted")) {
      leftovers.push_back(entry.path());
    }
  }
  for (const fs::path& leftover : leftovers) {
    std::error_code error;
    fs::remove_all(leftover, error);
    if (error) log_warning("cannot remove " + leftover.string() + ": " + error.message());
  }
}

void set_aside_beyond(const fs::path& run, std::int64_t images) {
  for (const Listed& one : list(run)) {
    if (one.images <= images) continue;
    const std::string name = "damaged-" + folder_name(one.images);
    fs::path aside = run / name;
    for (int n = 2; fs::exists(aside); ++n) aside = run / (name + "." + std::to_string(n));
    std::error_code error;
    fs::rename(one.folder, aside, error);
    log_warning(error ? "cannot rename " + one.folder.string() + ": " + error.message()
                      : one.folder.string() + " is not whole; it is now " + aside.string());
  }
}

void point_latest(const fs::path& run, const fs::path& folder) {
  const fs::path fresh = run / ".latest.partial";
  std::error_code error;
  if (fs::read_symlink(run / "latest", error) == folder.filename()) return;
  fs::remove(fresh, error);
  fs::create_directory_symlink(folder.filename(), fresh, error);
  if (!error) fs::rename(fresh, run / "latest", error);
  if (error) {
    throw CheckpointError("cannot replace " + (run / "latest").string() + ": " + error.message());
  }
}

}  // namespace pgan::checkpoint
