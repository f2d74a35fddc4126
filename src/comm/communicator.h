#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "core/error.h"

namespace pgan::comm {

enum class ReduceOp { sum, mean, min, max };

/// A collective in flight. Wait before reading the buffer.
class Work {
 public:
  virtual ~Work() = default;
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
  virtual void set_timeout(double /*seconds*/) {}
  /// Where buffers must live.
  virtual torch::Device device() const { return torch::kCPU; }

  /// In place. buffer: contiguous, on device(), same shape and dtype on every rank
  /// (float32, float64, int32, int64, uint8; mean: floating types only).
  [[nodiscard]] std::unique_ptr<Work> all_reduce(torch::Tensor& buffer, ReduceOp op);
  /// In place: every rank's buffer becomes root's.
  [[nodiscard]] std::unique_ptr<Work> broadcast(torch::Tensor& buffer, int root);
  /// whole: part's shape with a leading dimension of size(); whole[k] becomes rank k's part.
  [[nodiscard]] std::unique_ptr<Work> all_gather(const torch::Tensor& part, torch::Tensor& whole);
  /// Returns once every rank has come. Throws CommError after the timeout.
  virtual void barrier() = 0;
  /// Ends every rank of the job with the given status.
  [[noreturn]] virtual void abort(ExitCode code) noexcept = 0;

 private:
  void check(const torch::Tensor& buffer, const char* operation) const;
  virtual std::unique_ptr<Work> do_all_reduce(torch::Tensor& buffer, ReduceOp op) = 0;
  virtual std::unique_ptr<Work> do_broadcast(torch::Tensor& buffer, int root) = 0;
  virtual std::unique_ptr<Work> do_all_gather(const torch::Tensor& part, torch::Tensor& whole) = 0;
};

/// Collective: root's bytes on every rank.
std::string broadcast_text(Communicator& host, std::string text, int root = 0);

/// Collective: every rank's bytes, by rank, on every rank.
std::vector<std::string> gather_text(Communicator& host, const std::string& text);

}  // namespace pgan::comm
