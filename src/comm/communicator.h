#pragma once
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "core/error.h"

namespace pgan::comm {

/// Longest wait for another rank until Communicator::set_timeout says otherwise.
inline constexpr double kDefaultTimeoutSeconds = 600;

enum class ReduceOp { sum, mean, min, max };

/// When a collective ran: posted by the computing thread, begun by the transport's, met when all
/// ranks had come, ended.
struct CallTimes {
  using TimePoint = std::chrono::steady_clock::time_point;
  TimePoint posted, begun, met, ended;
};

/// A collective in flight. Wait before reading the buffer.
class Work {
 public:
  virtual ~Work() = default;
  /// After wait(). All zero where the transport does not measure.
  virtual CallTimes times() const { return {}; }
  /// Orders the caller (CPU: its thread, CUDA: its stream) after the collective.
  /// Throws CommError when it failed or a peer did not come within the timeout.
  virtual void wait() = 0;
};

/// A fixed set of ranks.
///
/// Every rank issues the same calls in the same order. A call enqueues and returns; calls run one
/// at a time in order. The tensors must stay alive and untouched until Work::wait() returned; a
/// Work that is dropped without wait() still runs. All members that move data and barrier() are
/// collective. One thread issues the calls.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual std::string_view name() const = 0;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Rank among those of the same host, which picks the GPU.
  virtual int local_rank() const { return 0; }
  /// Ranks on this host.
  virtual int local_size() const { return 1; }
  /// Longest wait for another rank, in seconds, from the next collective on. Not collective.
  void set_timeout(double seconds) { timeout_seconds_ = seconds; }
  double timeout_seconds() const { return timeout_seconds_; }
  /// What this rank is at ("step 812, phase D"), for the message should it or the next calls hang.
  void set_activity(std::string what);
  /// Large sums first within each host, then between hosts: fewer bytes over slow links, more
  /// passes over memory. The same on every rank, between collectives. Default: flat.
  virtual void set_hierarchical(bool /*hierarchical*/) {}
  /// Where buffers must live.
  virtual torch::Device device() const { return torch::kCPU; }

  /// In place. buffer: contiguous, on device(), same shape and dtype on every rank
  /// (float32, float64, int32, int64, uint8, and bfloat16, whose partial sums are rounded;
  /// mean: floating types only). what: names the call in messages.
  [[nodiscard]] std::unique_ptr<Work> all_reduce(torch::Tensor& buffer, ReduceOp op,
                                                 std::string what = "all_reduce");
  /// In place: every rank's buffer becomes root's.
  [[nodiscard]] std::unique_ptr<Work> broadcast(torch::Tensor& buffer, int root);
  /// whole: part's shape with a leading dimension of size(); whole[k] becomes rank k's part.
  [[nodiscard]] std::unique_ptr<Work> all_gather(const torch::Tensor& part, torch::Tensor& whole);
  /// Returns once every rank has come. Throws CommError after the timeout.
  virtual void barrier() = 0;
  /// Ends every rank of the job with the given status.
  [[noreturn]] virtual void abort(ExitCode code) noexcept = 0;

 protected:
  /// "bucket 2 of 5 (step 812, phase D)": the call being made, for messages.
  std::string call() const;
  void set_operation(std::string what) { operation_ = std::move(what); }
  struct Activity {
    std::string what;
    std::chrono::steady_clock::time_point since;
  };
  /// Of this rank's computing thread; from any thread.
  Activity activity() const;

 private:
  void check(const torch::Tensor& buffer, const char* operation) const;
  virtual std::unique_ptr<Work> do_all_reduce(torch::Tensor& buffer, ReduceOp op) = 0;
  virtual std::unique_ptr<Work> do_broadcast(torch::Tensor& buffer, int root) = 0;
  virtual std::unique_ptr<Work> do_all_gather(const torch::Tensor& part, torch::Tensor& whole) = 0;

  std::atomic<double> timeout_seconds_ = kDefaultTimeoutSeconds;
  std::string operation_ = "barrier";  // of the thread that issues the calls
  mutable std::mutex activity_mutex_;
  Activity activity_{"starting", std::chrono::steady_clock::now()};
};

/// Collective: root's bytes on every rank.
std::string broadcast_text(Communicator& host, std::string text, int root = 0);

/// Collective: every rank's bytes, by rank, on every rank.
std::vector<std::string> gather_text(Communicator& host, const std::string& text);

}  // namespace pgan::comm
