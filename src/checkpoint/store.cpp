#include "checkpoint/store.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <mutex>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "checkpoint/file.h"
#include "checkpoint/load.h"
#include "checkpoint/pieces.h"
#include "checkpoint/retention.h"
#include "checkpoint/safetensors.h"
#include "comm/agree.h"
#include "comm/together.h"
#include "core/error.h"
#include "core/log.h"

namespace pgan::checkpoint {
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto kLongestGoodbye = std::chrono::seconds(10);

/// Points `latest` at a checkpoint that stands, and deletes what it lets go; what fails now is not
/// worth more than a warning.
void retain(const fs::path& run, const fs::path& folder, std::int64_t images,
            const StoreOptions& options, const Rating& rating) {
  try {
    point_latest(run, folder);
    const std::vector<Listed> old = expendable(list(run), images, options, rating);
    for (const Listed& one : old) delete_checkpoint(one.folder);
    if (old.size() > 1) {
      log_info("deleted " + std::to_string(old.size()) + " checkpoints, " +
               folder_name(old.front().images) + " to " + folder_name(old.back().images) +
               ", which --keep-last and the like do not keep");
    }
  } catch (...) {
    log_warning("after saving " + folder.string() + ": " + current_failure().message);
  }
}

std::string random_token() {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", std::random_device()());
  return text;
}

}  // namespace

/// One save on one rank. The thread sets all but `state` and `failure` before it changes `state`.
struct Store::Job {
  fs::path run;
  fs::path partial;  ///< the hidden folder
  fs::path folder;   ///< where it goes
  StoreOptions options;
  StoreHooks hooks;
  Manifest manifest;
  Shard shard;
  TensorMap state_tensors;             ///< until they are copied
  std::shared_ptr<FileBuffer> buffer;  ///< the shard's file; from save to save the same
  std::string header;
  fs::path stale;  ///< this rank's file of a save that was never committed
  Clock::time_point started = Clock::now();
  bool committing = false;  ///< of the thread that calls the store
  bool placed = false;      ///< of the thread: has its visible name
  std::promise<void> copied;

  Writing get() const {
    const std::lock_guard lock(mutex);
    return state;
  }
  void set(Writing to, std::string why = "") {
    const std::lock_guard lock(mutex);
    state = to;
    failure = std::move(why);
  }
  void prepare(const TensorMap& tensors, int rank);
  void for_each_piece(const std::function<void(Piece& piece, std::span<std::byte> bytes)>& visit);
  void copy_share();
  void write_share();
  void run_share();
  void commit();

  mutable std::mutex mutex;
  Writing state = Writing::writing;
  std::string failure;
};

void StoreOptions::visit(OptionVisitor& v) {
  v.group("Checkpoints");
  v.field("keep-last", keep_last, "newest checkpoints kept (0: all)");
  v.field("keep-every-kimg", keep_every_kimg,
          "also keep the first checkpoint of every so many kimg (0: none)");
  v.field("keep-best", keep_best,
          "also keep the best by a field of metrics.jsonl or stats.jsonl, e.g. fid or is:max");
  v.field("drain-timeout", drain_timeout_seconds,
          "longest wait for the last checkpoint to be on disk, in seconds");
}

void StoreOptions::validate() const {
  if (keep_last < 0) throw ConfigError("--keep-last must be 0 or more");
  if (!(keep_every_kimg == 0 || (keep_every_kimg >= 0.001 && keep_every_kimg <= 1e12))) {
    throw ConfigError("--keep-every-kimg must be 0, or from 0.001 (one image) to 1e12");
  }
  if (!(drain_timeout_seconds > 0 && drain_timeout_seconds <= 1e6)) {
    throw ConfigError("--drain-timeout must be above 0 and at most 1e6 seconds");
  }
}

void Store::Job::prepare(const TensorMap& tensors, int rank) {
  manifest.tensors = describe(tensors);
  manifest.shards.clear();
  shard.file = shard_name(rank, manifest.ranks);
  shard.pieces = plan_share(manifest.tensors, rank, manifest.ranks);
  std::vector<SafetensorsEntry> entries;
  for (const Piece& piece : shard.pieces) {
    entries.push_back({piece.name(), manifest.tensors.at(piece.tensor).dtype, {piece.count}});
    state_tensors.emplace(piece.tensor, tensors.at(piece.tensor));
  }
  header = safetensors_header(entries, {{"format", "pgan"}});
  shard.header_checksum = checksum_of(header);
  shard.bytes = std::ssize(header) + shard.data_bytes(manifest.tensors);
}

void Store::Job::for_each_piece(
    const std::function<void(Piece& piece, std::span<std::byte> bytes)>& visit) {
  std::size_t offset = header.size();
  for (Piece& piece : shard.pieces) {
    const auto size = static_cast<std::size_t>(piece_bytes(manifest.tensors, piece));
    visit(piece, buffer->bytes().subspan(offset, size));
    offset += size;
  }
}

void Store::Job::copy_share() {
  buffer->resize(static_cast<std::size_t>(shard.bytes));
  std::ranges::copy(std::as_bytes(std::span(header)), buffer->bytes().begin());
  for_each_piece([this](Piece& piece, std::span<std::byte> bytes) {
    copy_out(state_tensors.at(piece.tensor), piece.first, piece.count, bytes);
  });
}

void Store::Job::write_share() {
  for_each_piece(
      [](Piece& piece, std::span<std::byte> bytes) { piece.checksum = checksum_of(bytes); });
  std::error_code ignored;
  if (!stale.empty()) {
    // Each rank removes its own, since others may be in the folder; the last one's removal of the
    // folder succeeds. One of the same name is overwritten instead.
    fs::remove(stale, ignored);
    fs::remove(stale.parent_path(), ignored);
  }
  std::error_code error;
  fs::create_directory(partial, error);
  if (error) {
    throw CheckpointError("cannot make the folder " + partial.string() + ": " + error.message());
  }
  try {
    write_synced(partial / shard.file, *buffer);
    sync_folder(partial);
  } catch (...) {
    fs::remove(partial / shard.file, ignored);
    throw;
  }
}

void Store::Job::run_share() {
  std::string failed;
  try {
    copy_share();
  } catch (...) {
    failed = current_failure().message;
  }
  state_tensors.clear();
  copied.set_value();
  try {
    if (failed.empty()) write_share();
  } catch (...) {
    failed = current_failure().message;
  }
  set(failed.empty() ? Writing::synced : Writing::failed, failed);
}

void Store::Job::commit() {
  manifest.validate(partial.string());
  try {
    if (hooks.before_commit) hooks.before_commit();
  } catch (...) {
    log_warning(current_failure().message);  // the state matters more than what goes with it
  }
  OutputFile file(partial / kManifestName);
  file.write(manifest.to_json());
  file.finish();
  sync_folder(partial);
  put_in_place(partial, folder);
  placed = true;
  sync_folder(run);
  std::error_code ignored;
  fs::remove_all(partial, ignored);  // one of the same name that this one took the place of
  retain(run, folder, manifest.progress.images, options, hooks.rating);
  const std::chrono::duration<double> seconds = Clock::now() - started;
  char size_and_time[64];
  std::snprintf(size_and_time, sizeof size_and_time, "%.1f MB in %.1f s",
                static_cast<double>(manifest.bytes()) / 1e6, seconds.count());
  log_info("checkpoint " + folder.filename().string() + " saved: " + size_and_time);
}

Store::Store(fs::path run, comm::Communicator& host, StoreOptions options, StoreHooks hooks)
    : run_(std::move(run)),
      host_(host),
      options_(options),
      hooks_(std::move(hooks)),
      buffer_(std::make_shared<FileBuffer>()) {
  comm::on_rank_0(host_, [&] {
    token_ = random_token();
    std::error_code error;
    fs::create_directories(run_, error);
    if (error) {
      throw CheckpointError("cannot make the run's folder " + run_.string() + ": " +
                            error.message());
    }
    sync_folder(run_.has_parent_path() ? run_.parent_path() : fs::path("."));
    clear_leftovers(run_);
  });
  token_ = comm::broadcast_text(host_, token_);
}

Store::~Store() {
  if (!thread_.joinable()) return;
  const auto deadline = Clock::now() + kLongestGoodbye;
  while (poll() == Writing::writing && Clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  if (poll() == Writing::writing) {
    thread_.detach();
  } else {
    join();
  }
}

void Store::join() {
  if (thread_.joinable()) thread_.join();
}

void Store::take_up(const Found& found) {
  comm::on_rank_0(host_, [&] {
    set_aside_beyond(run_, found.manifest.progress.images);
    retain(run_, found.folder, found.manifest.progress.images, options_, hooks_.rating);
  });
}

void Store::begin(Manifest manifest, const TensorMap& state) {
  if (poll() == Writing::writing && !job_->committing) {
    throw Error(ExitCode::internal, "a checkpoint was begun while the last one is being written");
  }
  join();
  auto job = std::make_shared<Job>();
  job->run = run_;
  job->buffer = buffer_;
  job->folder = run_ / folder_name(manifest.progress.images);
  job->partial = hidden_name(job->folder, token_ + ".partial");
  job->options = options_;
  job->hooks = hooks_;
  job->manifest = std::move(manifest);
  job->manifest.format = kFormat;
  job->manifest.ranks = host_.size();
  job->prepare(state, host_.rank());
  const bool dropped = poll() == Writing::synced || poll() == Writing::failed;
  if (dropped && job_->partial != job->partial) job->stale = job_->partial / job_->shard.file;
  copied_ = job->copied.get_future();
  job_ = job;
  thread_ = std::thread([job] { job->run_share(); });
}

void Store::await_copy() {
  if (copied_.valid()) copied_.get();
}

Store::Writing Store::poll() const {
  return job_ ? job_->get() : Writing::idle;
}

std::string Store::failure() const {
  if (!job_) return "";
  const std::lock_guard lock(job_->mutex);
  return job_->failure;
}

void Store::commit() {
  if (poll() != Writing::synced) {
    throw Error(ExitCode::internal, "a checkpoint was committed that this rank has not synced");
  }
  join();
  const std::vector<std::string> shards = comm::gather_text(host_, job_->shard.to_json());
  if (host_.rank() != 0) return job_->set(Writing::idle);
  for (const std::string& shard : shards) {
    job_->manifest.shards.push_back(Shard::from_json(shard, "checksums of a rank"));
  }
  job_->committing = true;
  job_->set(Writing::writing);
  thread_ = std::thread([job = job_] {
    try {
      job->commit();
      job->set(Writing::idle);
    } catch (...) {
      const std::string why = current_failure().message;
      std::error_code ignored;
      if (!job->placed) fs::remove_all(job->partial, ignored);  // else it is the one replaced
      job->set(Writing::failed, why);
    }
  });
}

void Store::drain() {
  const auto deadline =
      Clock::now() + std::chrono::duration<double>(options_.drain_timeout_seconds);
  const auto has = [](const std::vector<std::string>& answers, char state) {
    return std::any_of(answers.begin(), answers.end(),
                       [&](const std::string& answer) { return answer[0] == state; });
  };
  for (;;) {
    const bool late = host_.rank() == 0 && Clock::now() > deadline;
    const char state = "iwsf"[static_cast<int>(poll())];
    const auto answers = comm::gather_text(host_, {state, late ? 'l' : '-'});
    if (has(answers, 'w')) {
      if (answers[0][1] == 'l') break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    } else if (has(answers, 'f')) {
      comm::agree(host_, [&] {
        if (state == 'f')
          throw CheckpointError("the last checkpoint was not saved: " + failure() +
                                "; the newest whole one stands: mend the disk, "
                                "then run the same command again");
      });
    } else if (has(answers, 's')) {
      commit();
    } else {
      return join();
    }
  }
  if (poll() == Writing::writing) thread_.detach();
  throw DrainTimeout(ExitCode::checkpoint,
                     "the last checkpoint was not on disk in " + run_.string() + " after " +
                         std::to_string(static_cast<long>(options_.drain_timeout_seconds)) +
                         " s (--drain-timeout); the one before it stands");
}

}  // namespace pgan::checkpoint
