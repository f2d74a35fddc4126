#include "train/saver.h"

#include <string>
#include <utility>

#include "comm/agree.h"
#include "core/log.h"

namespace pgan::train {
namespace {

constexpr int kMostFailures = 3;
constexpr double kSlowSeconds = 120;
constexpr double kRetrySeconds = 60;  // after a save that failed

}  // namespace

Saver::Saver(checkpoint::Store& store, comm::Communicator& host, double minutes,
             std::function<void()> begin)
    : store_(store), host_(host), minutes_(minutes), begin_(std::move(begin)) {}

double Saver::seconds_since_begin() const {
  return seconds_since(begun_);
}

bool Saver::wanted_by_clock() const {
  if (host_.rank() != 0) return false;
  if (failures_ > 0 && seconds_since_begin() >= kRetrySeconds) return true;
  return minutes_ > 0 && seconds_since_begin() >= minutes_ * 60;
}

void Saver::after_step(const Directive& directive, bool due, const Progress& progress) {
  due_ = due_ || due || directive.begin_checkpoint;
  watch(directive);
  if (directive.commit_checkpoint) {
    committing_ = true;
    store_.commit();
  } else if (due_ && !directive.writer_busy) {
    begin(progress);
  }
}

/// What the directive tells of the save under way: done, failed, or taking long.
void Saver::watch(const Directive& directive) {
  if (directive.writer_busy) {
    const double seconds = seconds_since_begin();
    if (host_.rank() != 0 || slowness_told_ || seconds < kSlowSeconds) return;
    slowness_told_ = true;
    log_warning("a checkpoint has been written for " + std::to_string(static_cast<int>(seconds)) +
                " s and is not on disk yet; training goes on, but no newer one can be begun");
    return;
  }
  note_failure(directive);
  if (committing_ && directive.write_failed_rank < 0) failures_ = 0;
  committing_ = false;
}

void Saver::note_failure(const Directive& directive) {
  if (directive.write_failed_rank < 0 || failure_seen_) return;
  failure_seen_ = true;
  const bool mine = directive.write_failed_rank == host_.rank();
  if (++failures_ < kMostFailures) {
    if (mine) log_warning("a checkpoint could not be saved, training goes on: " + store_.failure());
    return;
  }
  comm::agree(host_, [&] {
    if (!mine) return;
    throw CheckpointError(
        std::to_string(kMostFailures) +
        " checkpoints in a row could not be saved: " + store_.failure() +
        "; the newest whole one stands: mend the disk, then run the same command again");
  });
}

void Saver::begin(const Progress& progress) {
  saved_ = progress;
  begun_ = std::chrono::steady_clock::now();
  due_ = failure_seen_ = slowness_told_ = false;
  begin_();
}

void Saver::last_step(const Progress& progress) {
  try {
    store_.drain();
  } catch (const checkpoint::DrainTimeout&) {
    throw;
  } catch (const comm::AgreedError& error) {
    if (host_.rank() == 0) log_warning(std::string(error.what()) + "; trying once more");
    saved_.reset();
  }
  if (saved_ == progress) return;
  begin(progress);
  store_.drain();
}

}  // namespace pgan::train
