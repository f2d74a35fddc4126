#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "data/new_folder.h"
#include "data/pack_assembly.h"
#include "data/pack_plan.h"

namespace pgan::data {

/// How far one rank is: sources done, and those of them that were left out.
struct PackProgress {
  std::int64_t done = 0, bad = 0;
};
/// Called from the calling thread now and then; throwing from it stops the work.
using PackReporter = std::function<void(const PackProgress&)>;

/// Packs a listing into a folder, by one rank or several.
///
/// Sources are cut into chunks by a rule that knows neither ranks nor threads; a chunk makes one
/// shard of each level and, when those are durable, a ledger of what is in them. So the same
/// sources give the same bytes whatever works on them, and work that was killed goes on at the
/// first chunk without a ledger. All happens in "<out>.partial", which is renamed when whole.
///
/// Every rank makes a PackWriter of the same arguments; then begin() on rank 0, work() on all,
/// finish() on rank 0, each when the one before has returned on all ranks. All throw ConfigError
/// (options, the folder is in use) and DataError (no space, no permission; strict and a bad
/// picture; nothing to pack).
class PackWriter {
 public:
  PackWriter(Listing listing, std::filesystem::path out, PackOptions options);
  ~PackWriter();

  /// The same on all ranks unless they see different files.
  std::uint64_t fingerprint() const { return fingerprint_; }
  const PackPlan& plan() const { return plan_; }
  const Listing& listing() const { return listing_; }
  /// Makes the unfinished folder or takes it up. Returns how many sources an earlier attempt of the
  /// same work has finished; -1 when it was other work, which is thrown away.
  std::int64_t begin();
  void work(int rank, int ranks, const PackReporter& report);
  PackReport finish();

 private:
  std::int64_t chunks() const;
  std::filesystem::path ledger_file(std::int64_t chunk) const;
  bool is_done(std::int64_t chunk) const;
  void lock();
  void check_room(std::int64_t done) const;

  Listing listing_;
  std::filesystem::path out_, folder_;
  PackOptions options_;
  PackPlan plan_;
  std::uint64_t fingerprint_ = 0;
  std::unique_ptr<NewFolder> target_;  // rank 0's
  int lock_ = -1;
  bool begun_ = false, finished_ = false;
};

/// All of it by one rank.
PackReport write_pack(Listing listing, const std::filesystem::path& out, const PackOptions& options,
                      const PackReporter& report);

}  // namespace pgan::data
