#include "data/pack_writer.h"

#include <algorithm>
#include <fstream>
#include <system_error>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file_error.h"
#include "core/version.h"
#include "data/chunk.h"
#include "data/ordered_parallel.h"
#include "data/output_file.h"
#include "data/prepare.h"
#include "data/printable.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

constexpr const char *kWork = "work", *kLock = ".lock";

/// Numbers that stand for everything the bytes depend on.
class Fingerprint {
 public:
  void add(std::string_view text) {
    add(static_cast<std::int64_t>(text.size()));
    bytes_.append(text);
  }
  void add(std::int64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), 8); }
  /// So that a listing of millions of pictures need not be held twice.
  void fold() {
    const auto sum = static_cast<std::int64_t>(value());
    bytes_.clear();
    add(sum);
  }
  std::uint64_t value() const { return xxh3(bytes_of(bytes_)); }

 private:
  std::string bytes_;
};

std::uint64_t fingerprint_of(const Listing& listing, const PackPlan& plan) {
  Fingerprint print;
  print.add(PackInfo::kVersion);
  print.add(build_info().git);  // another build may encode otherwise
  for (const std::string& text : {listing.name, listing.layout, crop_name(plan.crop)}) {
    print.add(text);
  }
  for (const auto* names : {&listing.label_names, &listing.domains}) {
    print.add(std::ssize(*names));
    for (const std::string& name : *names) print.add(name);
  }
  for (const PlannedLevel& level : plan.levels) {
    print.add(level.resolution);
    print.add(encoding_name(level.encoding));
    print.add(level.quality);
  }
  for (const std::int64_t value :
       {plan.canvas, std::int64_t{plan.upscale}, plan.decode.max_pixels, plan.chunk_records}) {
    print.add(value);
  }
  for (const Source& source : listing.sources) {
    print.add(source.key);
    print.add(static_cast<std::int64_t>(source.place));
    print.add(source.domain);
    print.add(static_cast<std::int64_t>(source.split));
    for (const float label : source.labels) {
      print.add({reinterpret_cast<const char*>(&label), sizeof label});
    }
    for (const std::string& caption : source.captions) print.add(caption);
    print.fold();
  }
  return print.value();
}

/// By the name alone, so that a picture keeps its split when others come and go.
void hold_out(Listing& listing, double fraction) {
  if (fraction <= 0) return;
  if (listing.has_split) {
    throw ConfigError("--test-fraction: this set has its own split; leave the option out");
  }
  for (Source& source : listing.sources) {
    const std::uint64_t hash = xxh3(bytes_of(source.key));
    const bool held = static_cast<double>(hash >> 11) * 0x1p-53 < fraction;
    source.split = held ? Split::test : Split::train;
  }
  listing.has_split = true;
}

std::string read_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

/// True when some finished chunk holds a picture.
bool has_pictures(const fs::path& work) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(work, error)) {
    if (!entry.path().filename().string().starts_with("chunk-")) continue;
    const auto ledger = ChunkLedger::load(entry.path());
    if (ledger && !ledger->kept.empty()) return true;
  }
  return false;
}

/// An unfinished folder without our `work` must not be somebody else's.
void require_empty(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name == kLock) continue;
    throw ConfigError(folder.string() + " holds " + printable(name) +
                      " and is no unfinished pack; move it away or choose another --out");
  }
}

}  // namespace

PackWriter::PackWriter(Listing listing, fs::path out, PackOptions options)
    : listing_(std::move(listing)),
      out_(std::move(out)),
      folder_(NewFolder::kept_path(out_)),
      options_(std::move(options)) {
  options_.validate();
  if (listing_.sources.empty()) {
    throw DataError(listing_.name + ": no pictures to pack" +
                    (listing_.skipped.empty() ? std::string()
                                              : "; the first left out: " + listing_.skipped[0].key +
                                                    ": " + listing_.skipped[0].reason));
  }
  if (options_.strict && !listing_.skipped.empty()) {
    const Skipped& first = listing_.skipped[0];
    throw DataError(printable(first.key) + ": " + first.reason);
  }
  hold_out(listing_, options_.test_fraction);
  std::ranges::stable_sort(listing_.sources, {}, [](const Source& source) {
    return std::tie(source.domain, source.split, source.key);
  });
  plan_ = plan_pack(listing_, options_);
  fingerprint_ = fingerprint_of(listing_, plan_);
}

PackWriter::~PackWriter() {
  std::error_code ignored;
  if (begun_ && !finished_ && !has_pictures(folder_ / kWork)) {
    fs::remove_all(folder_, ignored);  // nothing to go on with
  }
  if (lock_ >= 0) ::close(lock_);
}

std::int64_t PackWriter::chunks() const {
  return (std::ssize(listing_.sources) + plan_.chunk_records - 1) / plan_.chunk_records;
}

fs::path PackWriter::ledger_file(std::int64_t chunk) const {
  return folder_ / kWork / ("chunk-" + std::to_string(chunk));
}

bool PackWriter::is_done(std::int64_t chunk) const {
  const auto ledger = ChunkLedger::load(ledger_file(chunk));
  if (!ledger || ledger->levels.size() != plan_.levels.size()) return false;
  if (options_.strict && !ledger->bad.empty()) return false;
  return std::ranges::all_of(ledger->levels, [&](const ChunkLedger::Level& level) {
    std::error_code error;
    return level.shard.name.empty() || static_cast<std::int64_t>(fs::file_size(
                                           folder_ / level.shard.name, error)) == level.shard.bytes;
  });
}

void PackWriter::lock() {
  const fs::path file = folder_ / kLock;
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) throw_file_error("cannot open", file, errno);
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(std::exchange(lock_, -1));
  throw ConfigError(out_.string() + ": another pgan-data is packing there (" + folder_.string() +
                    "); wait for it or choose another --out");
}

void PackWriter::check_room(std::int64_t done) const {
  const std::int64_t left = std::ssize(listing_.sources) - done;
  // A tenth more, since the mean of a few pictures is not that of all.
  target_->require_space(measured_record_bytes(listing_, plan_) * left / 10 * 11);
}

std::int64_t PackWriter::begin() {
  target_ = std::make_unique<NewFolder>(out_, options_.force, NewFolder::Unfinished::kept);
  lock();
  const fs::path name = folder_ / kWork / "plan";
  bool other = fs::exists(folder_ / kWork) && read_line(name) != hex16(fingerprint_);
  if (!fs::exists(folder_ / kWork)) require_empty(folder_);
  if (other && !options_.force && has_pictures(folder_ / kWork)) {
    throw ConfigError(
        folder_.string() +
        " holds unfinished work of other pictures or options; the same command as then "
        "goes on with it, --force throws it away");
  }
  if (other) {
    other = has_pictures(folder_ / kWork);
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
      if (entry.path().filename() != kLock) fs::remove_all(entry.path());
    }
  }
  std::error_code error;
  fs::create_directories(folder_ / kWork, error);
  if (error) throw_file_error("cannot make the folder", folder_ / kWork, error.value());
  begun_ = true;
  replace_file(name, bytes_of(hex16(fingerprint_)), true);
  std::int64_t done = 0;
  const std::int64_t total = std::ssize(listing_.sources);
  for (std::int64_t chunk = 0; chunk < chunks(); ++chunk) {
    if (!is_done(chunk)) continue;
    done += std::min(plan_.chunk_records, total - chunk * plan_.chunk_records);
  }
  check_room(done);
  return other ? -1 : done;
}

void PackWriter::work(int rank, int ranks, const PackReporter& report) {
  const std::int64_t total = std::ssize(listing_.sources), size = plan_.chunk_records;
  if (!fs::is_directory(folder_ / kWork)) {
    throw DataError(
        folder_.string() +
        ": not there on this host; --out must be on a file system that all hosts share");
  }
  std::vector<std::int64_t> sources;  // of this rank's chunks that are not done
  std::int64_t done_before = 0;
  for (std::int64_t chunk = rank; chunk < chunks(); chunk += ranks) {
    const std::int64_t end = std::min(total, (chunk + 1) * size);
    if (is_done(chunk)) {
      done_before += end - chunk * size;
      continue;
    }
    for (std::int64_t i = chunk * size; i < end; ++i) sources.push_back(i);
  }
  PackProgress progress{.done = done_before};
  std::unique_ptr<ChunkWriter> writer;
  const auto make = [&](std::int64_t i) {
    const std::int64_t source = sources[static_cast<std::size_t>(i)];
    const Source& what = listing_.sources[static_cast<std::size_t>(source)];
    return std::pair(prepare(listing_, what, plan_), record_json(listing_, what));
  };
  const auto consume = [&](std::int64_t i, std::pair<Prepared, std::string>&& made) {
    const std::int64_t source = sources[static_cast<std::size_t>(i)], chunk = source / size;
    const auto& [prepared, json] = made;
    if (!writer) writer = std::make_unique<ChunkWriter>(folder_, plan_, chunk);
    if (!prepared.bad.empty()) {
      const std::string& key = listing_.sources[static_cast<std::size_t>(source)].key;
      if (options_.strict) throw DataError(printable(key) + ": " + prepared.bad);
      ++progress.bad;
    }
    writer->add(source, prepared, json);
    ++progress.done;
    if (source + 1 < std::min(total, (chunk + 1) * size)) return;
    writer->finish().save(ledger_file(chunk));
    writer.reset();
  };
  const auto idle = [&] { report(progress); };
  idle();
  ordered_parallel(std::ssize(sources), thread_count(options_.threads), make, consume, idle);
}

PackReport PackWriter::finish() {
  std::vector<fs::path> ledgers;
  for (std::int64_t chunk = 0; chunk < chunks(); ++chunk) ledgers.push_back(ledger_file(chunk));
  PackReport report = assemble_pack(listing_, plan_, ledgers, folder_);
  target_->commit();
  finished_ = true;
  fs::remove_all(out_ / kWork);
  fs::remove(out_ / kLock);
  return report;
}

PackReport write_pack(Listing listing, const fs::path& out, const PackOptions& options,
                      const PackReporter& report) {
  PackWriter writer(std::move(listing), out, options);
  writer.begin();
  writer.work(0, 1, report);
  return writer.finish();
}

}  // namespace pgan::data
