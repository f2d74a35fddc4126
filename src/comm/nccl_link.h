#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <torch/types.h>

#include "comm/device_queue.h"
#include "comm/nccl_api.h"

namespace pgan::comm {

/// One NCCL communicator that is never waited for without a limit.
///
/// A thread of its own looks at the collectives under way and at NCCL's asynchronous errors. NCCL
/// itself waits for a dead peer for ever, does not notice every failure, and even its abort may
/// hang. So on an error, or when a collective has not ended in time, that thread aborts the
/// communicator, which sets the GPU free; calls then throw CommError. When the abort does not
/// return within the grace period, or within another nobody was told of the error (the computing
/// thread is stuck elsewhere), Hooks::last_resort ends the process.
class NcclLink {
 public:
  using Clock = std::chrono::steady_clock;

  struct Hooks {
    std::string where;  ///< "rank 3 on node7", for messages
    std::function<void(const std::string& reason)> last_resort;
  };
  struct Settings {
    int rank = 0;
    int size = 1;
    double timeout_seconds = 0;  ///< of the start, which waits for the other ranks
    double grace_seconds = 0;
  };

  /// One collective, from the moment it is issued.
  struct Collective {
    std::string call;  ///< for messages
    Clock::time_point begun, deadline;
    /// Held until the GPU is done with them. (The allocator need not be told of NCCL's stream: the
    /// host has seen the collective end before it lets go.)
    std::vector<torch::Tensor> tensors;
    std::unique_ptr<DeviceQueue::Mark> end;
    std::atomic<bool> issued = false;
  };

  /// Collective: returns when all ranks have joined. Throws CommError.
  NcclLink(const NcclApi& api, std::shared_ptr<DeviceQueue> queue, const NcclApi::Id& id,
           const Settings& settings, Hooks hooks);
  /// Lets the other ranks finish what they need of this one, within the grace period.
  ~NcclLink();
  NcclLink(const NcclLink&) = delete;
  NcclLink& operator=(const NcclLink&) = delete;

  /// Puts enqueue(comm, stream), a function of NCCL, into the queue. Throws CommError.
  std::shared_ptr<Collective> issue(std::string call, double timeout_seconds,
                                    std::vector<torch::Tensor> tensors,
                                    const std::function<int(NcclApi::Comm, void* stream)>& enqueue);
  /// Orders the caller after it. Throws CommError.
  void wait(const Collective& collective);
  /// Blocks the calling thread until the device has got there. Throws CommError.
  void wait_on_host(const Collective& collective);

 private:
  /// Outlives the link when a thread hangs inside NCCL.
  struct Shared {
    NcclApi api;
    std::shared_ptr<DeviceQueue> queue;
    std::timed_mutex calls;        // NCCL takes one call at a time
    NcclApi::Comm comm = nullptr;  // null: not yet, or no longer
  };

  void start(const NcclApi::Id& id, const Settings& settings);
  int locked(const std::function<int(NcclApi::Comm)>& call, Clock::time_point deadline);
  void call_nccl(const Collective& collective, const std::function<int(NcclApi::Comm)>& call);
  std::shared_ptr<Collective> begin(std::string call, double timeout_seconds);
  bool reached(const Collective& collective);

  void fail(const std::string& reason);
  [[noreturn]] void fail_and_throw(const std::string& reason);
  std::string overdue(const Collective& collective) const;
  void throw_if_failed();

  void watch();
  void look();
  std::shared_ptr<Collective> front();
  void check_async_error();
  std::future<void> abort();
  void give_up();
  bool stop_watching();
  void close();

  std::shared_ptr<Shared> shared_;
  Hooks hooks_;
  Clock::duration grace_, patience_;

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Collective>> under_way_;
  std::string last_call_;
  std::string failure_;
  bool told_ = false;  // the failure was thrown to a caller
  bool stopping_ = false, watched_ = false;
  std::thread watcher_;
};

}  // namespace pgan::comm
