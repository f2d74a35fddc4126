#include <exception>
#include <utility>

#include <c10/util/Exception.h>

#include "comm/nccl_link.h"
#include "comm/pauses.h"

// NcclLink's own thread, and the ends it brings about.
namespace pgan::comm {
namespace {

using std::chrono::milliseconds;

constexpr auto kLookPause = milliseconds(20);
constexpr auto kIdlePause = milliseconds(200);  // for asynchronous errors between collectives

/// Runs work on a thread that nobody has to wait for. The future is ready when it returned.
std::future<void> in_background(std::function<void()> work) {
  std::packaged_task<void()> task(std::move(work));
  std::future<void> done = task.get_future();
  std::thread(std::move(task)).detach();
  return done;
}

}  // namespace

void NcclLink::watch() {
  shared_->queue->enter();
  std::unique_lock lock(mutex_);
  while (!stopping_ && failure_.empty()) {
    changed_.wait_for(lock, under_way_.empty() ? kIdlePause : kLookPause,
                      [this] { return stopping_ || !failure_.empty(); });
    if (stopping_ || !failure_.empty()) break;
    lock.unlock();
    look();
    lock.lock();
  }
  if (failure_.empty()) return;
  lock.unlock();
  give_up();
}

/// The device is asked without the mutex: it may not answer.
void NcclLink::look() {
  std::shared_ptr<Collective> first;
  try {
    for (;;) {
      first = front();
      if (first == nullptr || !first->issued || !first->end->reached()) break;
      const std::lock_guard lock(mutex_);
      under_way_.pop_front();
      changed_.notify_all();
    }
  } catch (const c10::Error& error) {
    return fail(std::string("the GPU failed: ") + error.what_without_backtrace());
  }
  check_async_error();
  if (first != nullptr && Clock::now() > first->deadline) fail(overdue(*first));
}

std::shared_ptr<NcclLink::Collective> NcclLink::front() {
  const std::lock_guard lock(mutex_);
  return under_way_.empty() ? nullptr : under_way_.front();
}

void NcclLink::check_async_error() {
  std::unique_lock lock(shared_->calls, std::try_to_lock);
  if (!lock.owns_lock() || shared_->comm == nullptr) return;
  int state = NcclApi::kSuccess;
  const int asked = shared_->api.comm_get_async_error(shared_->comm, &state);
  const int result = asked == NcclApi::kSuccess ? state : asked;
  if (result == NcclApi::kSuccess || result == NcclApi::kInProgress) return;
  const std::string reason = shared_->api.describe(result, shared_->comm);
  lock.unlock();
  std::string call;
  {
    const std::lock_guard state_lock(mutex_);
    call = under_way_.empty() ? "after " + last_call_ : under_way_.front()->call;
  }
  fail(call + ": " + reason);
}

std::future<void> NcclLink::abort() {
  return in_background([shared = shared_, grace = grace_] {
    shared->queue->enter();
    // A call that hangs holds the lock, and only the abort makes it return.
    const std::unique_lock lock(shared->calls, grace / 4);
    const NcclApi::Comm comm = std::exchange(shared->comm, nullptr);
    if (comm != nullptr) shared->api.comm_abort(comm);
  });
}

void NcclLink::give_up() {
  const bool aborted = abort().wait_for(grace_) == std::future_status::ready;
  std::unique_lock lock(mutex_);
  const std::string reason = failure_;
  const bool known = changed_.wait_for(lock, aborted ? grace_ : Clock::duration::zero(),
                                       [this] { return told_ || stopping_; });
  lock.unlock();
  if (!aborted) {
    hooks_.last_resort(reason + "; and NCCL's abort hangs");
  } else if (!known) {
    hooks_.last_resort(reason);
  }
}

/// Stops the watcher, also one that hangs inside NCCL. True when all is well between the ranks.
bool NcclLink::stop_watching() {
  std::unique_lock lock(mutex_);
  const auto over = [this] { return !failure_.empty() || under_way_.empty(); };
  const bool well =
      std::uncaught_exceptions() == 0 && changed_.wait_for(lock, grace_, over) && failure_.empty();
  stopping_ = true;
  changed_.notify_all();
  const auto watched = [this] { return watched_; };
  if (!changed_.wait_for(lock, 3 * grace_, watched)) {
    lock.unlock();
    abort().wait_for(grace_);
    lock.lock();
    if (!changed_.wait_for(lock, grace_, watched)) {
      hooks_.last_resort("NCCL, " + hooks_.where + ": a call does not return, nor does its abort");
    }
  }
  lock.unlock();
  watcher_.join();
  return well;
}

/// Within a few grace periods, whatever NCCL does.
void NcclLink::close() {
  const bool well = stop_watching();
  const auto leave = [shared = shared_, well, deadline = Clock::now() + grace_] {
    shared->queue->enter();
    const std::unique_lock lock(shared->calls, deadline);
    const NcclApi::Comm comm = std::exchange(shared->comm, nullptr);
    if (comm == nullptr) return;
    // Without the finalize, the end could take away what a slower peer still receives from here.
    int state = NcclApi::kSystemError;
    if (well && lock.owns_lock()) state = shared->api.comm_finalize(comm);
    Pauses pauses;
    while (state == NcclApi::kInProgress && Clock::now() < deadline) {
      pauses.pause();
      if (shared->api.comm_get_async_error(comm, &state) != NcclApi::kSuccess) break;
    }
    if (state == NcclApi::kSuccess) {
      shared->api.comm_destroy(comm);
    } else {
      shared->api.comm_abort(comm);
    }
  };
  in_background(leave).wait_for(grace_);
}

}  // namespace pgan::comm
