#include "comm/nccl_link.h"

#include <algorithm>

#include "comm/pauses.h"
#include "core/error.h"

namespace pgan::comm {
namespace {

constexpr auto kFirstWord = std::chrono::seconds(1);  // of rank 0, so that a job prints one line

NcclLink::Clock::duration seconds(double value) {
  // Far below the clock's range, above which the sum with now() would overflow.
  return std::chrono::duration_cast<NcclLink::Clock::duration>(
      std::chrono::duration<double>(std::min(value, 1e8)));
}

}  // namespace

NcclLink::NcclLink(const NcclApi& api, std::shared_ptr<DeviceQueue> queue, const NcclApi::Id& id,
                   const Settings& settings, Hooks hooks)
    : shared_(std::make_shared<Shared>()),
      hooks_(std::move(hooks)),
      grace_(seconds(settings.grace_seconds)),
      patience_(settings.rank == 0 ? Clock::duration::zero() : kFirstWord) {
  shared_->api = api;
  shared_->queue = std::move(queue);
  shared_->queue->enter();
  watcher_ = std::thread([this] {
    watch();
    const std::lock_guard lock(mutex_);
    watched_ = true;
    changed_.notify_all();
  });
  try {
    start(id, settings);
  } catch (...) {
    close();
    throw;
  }
}

NcclLink::~NcclLink() {
  close();
}

void NcclLink::start(const NcclApi::Id& id, const Settings& settings) {
  const auto start = begin("the start of NCCL", settings.timeout_seconds);
  call_nccl(*start, [&](NcclApi::Comm) {
    NcclApi::Config config;
    NcclApi::Comm comm = nullptr;
    const int result =
        shared_->api.comm_init_rank_config(&comm, settings.size, id, settings.rank, &config);
    shared_->comm = comm;
    return result;
  });
  const std::lock_guard lock(mutex_);
  under_way_.clear();
}

std::shared_ptr<NcclLink::Collective> NcclLink::begin(std::string call, double timeout_seconds) {
  auto collective = std::make_shared<Collective>();
  collective->call = std::move(call);
  collective->begun = Clock::now();
  collective->deadline = collective->begun + seconds(timeout_seconds) + patience_;
  const std::lock_guard lock(mutex_);
  under_way_.push_back(collective);
  last_call_ = collective->call;
  return collective;
}

std::shared_ptr<NcclLink::Collective> NcclLink::issue(
    std::string call, double timeout_seconds, std::vector<torch::Tensor> tensors,
    const std::function<int(NcclApi::Comm, void* stream)>& enqueue) {
  throw_if_failed();
  const auto collective = begin(std::move(call), timeout_seconds);
  collective->tensors = std::move(tensors);
  DeviceQueue& queue = *shared_->queue;
  try {
    queue.enter();
    queue.after_caller();
    call_nccl(*collective, [&](NcclApi::Comm comm) { return enqueue(comm, queue.handle()); });
    collective->end = queue.mark();  // not before NCCL has put everything into the queue
  } catch (const c10::Error& error) {
    fail_and_throw(collective->call + ": the GPU failed: " + error.what_without_backtrace());
  }
  collective->issued = true;
  return collective;
}

/// One call, alone. Throws when the link has failed, or when another call does not return.
int NcclLink::locked(const std::function<int(NcclApi::Comm)>& call, Clock::time_point deadline) {
  std::unique_lock lock(shared_->calls, deadline);
  throw_if_failed();
  if (!lock.owns_lock()) fail_and_throw("a call of NCCL does not return");
  return call(shared_->comm);
}

/// A call and all that NCCL does for it in the background, during which it takes no other.
void NcclLink::call_nccl(const Collective& collective,
                         const std::function<int(NcclApi::Comm)>& call) {
  int result = locked(call, collective.deadline);
  Pauses pauses;
  while (result == NcclApi::kInProgress) {
    if (Clock::now() > collective.deadline) fail_and_throw(overdue(collective));
    pauses.pause();
    const auto ask = [this](NcclApi::Comm comm) {
      int state = NcclApi::kSuccess;
      const int asked = shared_->api.comm_get_async_error(comm, &state);
      return asked == NcclApi::kSuccess ? state : asked;
    };
    result = locked(ask, collective.deadline);
  }
  throw_if_failed();
  if (result == NcclApi::kSuccess) return;
  std::string reason;
  locked(
      [&](NcclApi::Comm comm) {
        reason = shared_->api.describe(result, comm);
        return 0;
      },
      collective.deadline);
  fail_and_throw(collective.call + ": " + reason);
}

bool NcclLink::reached(const Collective& collective) {
  try {
    return collective.end->reached();
  } catch (const c10::Error& error) {
    fail_and_throw(collective.call + ": the GPU failed: " + error.what_without_backtrace());
  }
}

void NcclLink::wait(const Collective& collective) {
  throw_if_failed();
  try {
    collective.end->order_caller();
  } catch (const c10::Error& error) {
    fail_and_throw(collective.call + ": the GPU failed: " + error.what_without_backtrace());
  }
  throw_if_failed();
}

void NcclLink::wait_on_host(const Collective& collective) {
  Pauses pauses;
  while (!reached(collective)) {
    throw_if_failed();
    pauses.pause();
  }
  throw_if_failed();
}

std::string NcclLink::overdue(const Collective& collective) const {
  const std::chrono::duration<double> waited = Clock::now() - collective.begun;
  return collective.call + ": no end after " + std::to_string(static_cast<int>(waited.count())) +
         " s: another rank has stopped or hangs; raise --timeout if it was only slow";
}

void NcclLink::fail(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (!failure_.empty()) return;
  failure_ = "NCCL, " + hooks_.where + ", " + reason;
  changed_.notify_all();
}

void NcclLink::fail_and_throw(const std::string& reason) {
  fail(reason);
  throw_if_failed();
  throw CommError(reason);  // not reached: fail() left a failure
}

void NcclLink::throw_if_failed() {
  const std::lock_guard lock(mutex_);
  if (failure_.empty()) return;
  told_ = true;
  changed_.notify_all();
  throw CommError(failure_);
}

}  // namespace pgan::comm
