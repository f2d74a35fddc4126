#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <list>
#include <optional>
#include <thread>

#include "comm/makers.h"
#include "comm/start_guard.h"
#include "comm/watchdog.h"
#include "comm/work_queue.h"
#include "core/launcher.h"
#include "core/log.h"

namespace pgan::comm {
namespace {

constexpr std::int64_t kMaxCount = 1 << 28;  // MPI counts are int
constexpr int kAbortGraceSeconds = 5;
constexpr int kShortestPause = 100, kLongestPause = 1000;  // microseconds, of polling
constexpr int kFinalizeSeconds = 10;
constexpr std::int64_t kSmallBytes = 4096;

using Clock = std::chrono::steady_clock;

void check_mpi(int status, const char* call) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(status, text, &length);
  throw CommError(std::string(call) +
                  " failed: " + std::string(text, static_cast<std::size_t>(length)) +
                  "; see docs/errors.md, exit code 5");
}

MPI_Datatype mpi_type(torch::Dtype dtype) {
  switch (dtype) {
    case torch::kFloat32:
      return MPI_FLOAT;
    case torch::kFloat64:
      return MPI_DOUBLE;
    case torch::kInt32:
      return MPI_INT32_T;
    case torch::kInt64:
      return MPI_INT64_T;
    case torch::kBFloat16:
      return MPI_UINT16_T;
    default:
      return MPI_UINT8_T;  // the front functions let nothing else through
  }
}

MPI_Op mpi_op(ReduceOp op) {
  switch (op) {
    case ReduceOp::min:
      return MPI_MIN;
    case ReduceOp::max:
      return MPI_MAX;
    default:
      return MPI_SUM;
  }
}

bool is_small(const torch::Tensor& buffer) {
  return static_cast<std::int64_t>(buffer.nbytes()) <= kSmallBytes;
}

/// Calls body(byte pointer, count) for pieces whose counts fit an int.
template <class Body>
void in_chunks(void* data, std::int64_t elements, std::size_t element_bytes, Body body) {
  for (std::int64_t done = 0; done < elements; done += kMaxCount) {
    const auto count = static_cast<int>(std::min(kMaxCount, elements - done));
    body(static_cast<char*>(data) + static_cast<std::size_t>(done) * element_bytes, count);
  }
}

/// bfloat16 pairs added in float32 and rounded to nearest, which MPI has no operation for.
void add_bfloat16(void* in, void* in_out, int* count, MPI_Datatype*) {
  const auto* from = static_cast<const c10::BFloat16*>(in);
  auto* to = static_cast<c10::BFloat16*>(in_out);
  for (int i = 0; i < *count; ++i) to[i] = static_cast<float>(to[i]) + static_cast<float>(from[i]);
}

/// Ends the process unless it has ended by then.
void exit_after(int seconds, int status) {
  std::thread([seconds, status] {
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    _exit(status);
  }).detach();
}

MPI_Comm duplicate(MPI_Comm parent) {
  MPI_Comm copy = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(parent, &copy), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return copy;
}

/// On a communicator of their own. A letter to a rank that died is never delivered: kept until the
/// process ends.
class MpiLetters : public Letters {
 public:
  MpiLetters() : comm_(duplicate(MPI_COMM_WORLD)) {}

  void send(int to, const std::string& text) override {
    sent_.remove_if([](Sent& sent) {
      int done = 0;
      return MPI_Test(&sent.request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done != 0;
    });
    Sent& sent = sent_.emplace_back();
    sent.text = text.substr(0, kLongest);
    MPI_Isend(sent.text.data(), static_cast<int>(sent.text.size()), MPI_CHAR, to, 0, comm_,
              &sent.request);
  }

  std::optional<Letter> receive() override {
    int there = 0, length = 0;
    MPI_Status status;
    if (MPI_Iprobe(MPI_ANY_SOURCE, 0, comm_, &there, &status) != MPI_SUCCESS || there == 0)
      return std::nullopt;
    MPI_Get_count(&status, MPI_CHAR, &length);
    Letter letter{status.MPI_SOURCE, std::string(static_cast<std::size_t>(length), '\0')};
    MPI_Recv(letter.text.data(), length, MPI_CHAR, status.MPI_SOURCE, 0, comm_, MPI_STATUS_IGNORE);
    return letter;
  }

 private:
  struct Sent {
    std::string text;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  MPI_Comm comm_;
  std::list<Sent> sent_;  // addresses stay
};

class TimedWork : public Work {
 public:
  TimedWork(std::unique_ptr<Work> work, std::shared_ptr<const CallTimes> times)
      : work_(std::move(work)), times_(std::move(times)) {}
  void wait() override { work_->wait(); }
  CallTimes times() const override { return *times_; }

 private:
  std::unique_ptr<Work> work_;
  std::shared_ptr<const CallTimes> times_;
};

/// Collectives come from the queue's thread, letters from the watchdog's, abort() from any.
class MpiCommunicator : public Communicator {
 public:
  explicit MpiCommunicator(std::function<bool()> ending) : comm_(duplicate(MPI_COMM_WORLD)) {
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &size_);
    check_mpi(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &within_),
              "MPI_Comm_split_type");
    MPI_Comm_rank(within_, &local_rank_);
    MPI_Comm_size(within_, &local_size_);
    check_mpi(MPI_Comm_split(comm_, local_rank_ == 0 ? 0 : MPI_UNDEFINED, 0, &between_),
              "MPI_Comm_split");
    check_mpi(MPI_Op_create(add_bfloat16, /*commute=*/1, &bfloat16_sum_), "MPI_Op_create");
    watchdog_.emplace(Watchdog::Rank{rank_, hosts()}, std::make_unique<MpiLetters>(),
                      watchdog_hooks(std::move(ending)));
  }

  std::string_view name() const override { return "mpi"; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  int local_size() const override { return local_size_; }
  void set_hierarchical(bool hierarchical) override { hierarchical_ = hierarchical; }

  void barrier() override {
    set_operation("barrier");
    post([this] { meet(); })->wait();
  }

  [[noreturn]] void abort(ExitCode code) noexcept override {
    const int status = static_cast<int>(code);
    exit_after(kAbortGraceSeconds, status);  // MPI_Abort may block when a peer hangs
    MPI_Abort(MPI_COMM_WORLD, status);
    _exit(status);
  }

 private:
  std::vector<std::string> hosts() const {
    using Name = std::array<char, 256>;
    Name mine{};
    host_name().copy(mine.data(), mine.size() - 1);
    std::vector<Name> all(static_cast<std::size_t>(size_));
    check_mpi(
        MPI_Allgather(mine.data(), mine.size(), MPI_CHAR, all.data(), mine.size(), MPI_CHAR, comm_),
        "MPI_Allgather");
    std::vector<std::string> names;
    for (const Name& name : all) names.emplace_back(name.data());
    return names;
  }

  Watchdog::Hooks watchdog_hooks(std::function<bool()> ending) {
    return {.ending = std::move(ending),
            .timeout_seconds = [this] { return timeout_seconds(); },
            .elsewhere =
                [this] {
                  const Activity at = activity();
                  const std::chrono::duration<double> age = Clock::now() - at.since;
                  return at.what + " for " + std::to_string(static_cast<int>(age.count())) + " s";
                },
            .warn = [](const std::string& verdict) { log_warning(verdict); },
            .tell =
                [this](const std::string& verdict) {
                  queue_.fail(std::make_exception_ptr(CommError(verdict)));
                },
            .end =
                [this](const std::string& verdict) {
                  log_error(verdict);
                  abort(ExitCode::comm);
                }};
  }

  std::unique_ptr<Work> post(std::function<void()> task) {
    auto times = std::make_shared<CallTimes>();
    times->posted = Clock::now();
    auto ticket = queue_.post([this, times, what = call(), task = std::move(task)] {
      watchdog_->begin(what);
      times->begun = times->met = Clock::now();
      current_ = times.get();
      task();
      times->ended = Clock::now();
      watchdog_->done();
    });
    return std::make_unique<TimedWork>(std::move(ticket), std::move(times));
  }

  /// Without burning the core: tested, with sleeps that grow with the time waited. A thread blocked
  /// in MPI_Allreduce on a late peer would double the compute time of its rank.
  void complete(MPI_Request request) const {
    using std::chrono::microseconds;
    const Clock::time_point start = Clock::now();
    for (int tries = 0;; ++tries) {
      int done = 0;
      check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done != 0) return;
      if (tries < 20) {
        std::this_thread::yield();
        continue;
      }
      const auto waited = std::chrono::duration_cast<microseconds>(Clock::now() - start);
      std::this_thread::sleep_for(
          std::clamp(waited / 10, microseconds(kShortestPause), microseconds(kLongestPause)));
      if (queue_.has_failed()) throw CommError("given up");  // wait() says why
    }
  }

  void meet() const {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibarrier(comm_, &request), "MPI_Ibarrier");
    complete(request);
    current_->met = Clock::now();
  }

  MPI_Op sum_or(ReduceOp op, torch::Dtype dtype) const {
    if (dtype != torch::kBFloat16) return mpi_op(op);
    if (op == ReduceOp::sum || op == ReduceOp::mean) return bfloat16_sum_;
    throw Error(ExitCode::internal, "all_reduce on mpi: no min or max of bfloat16");
  }

  void reduce_chunk(void* data, int count, MPI_Datatype type, MPI_Op op) const {
    if (!hierarchical_ || local_size_ == size_) {
      check_mpi(MPI_Allreduce(MPI_IN_PLACE, data, count, type, op, comm_), "MPI_Allreduce");
      return;
    }
    const bool leads = local_rank_ == 0;
    check_mpi(MPI_Reduce(leads ? MPI_IN_PLACE : data, data, count, type, op, 0, within_),
              "MPI_Reduce");
    if (leads) {
      check_mpi(MPI_Allreduce(MPI_IN_PLACE, data, count, type, op, between_), "MPI_Allreduce");
    }
    check_mpi(MPI_Bcast(data, count, type, 0, within_), "MPI_Bcast");
  }

  /// Small ones at once, as one operation that is polled; for large ones the ranks meet first, and
  /// the blocking call, 2.6 times faster, finds all of them there.
  std::unique_ptr<Work> do_all_reduce(torch::Tensor& buffer, ReduceOp op) override {
    return post([this, buffer, op]() mutable {
      const MPI_Datatype type = mpi_type(buffer.scalar_type());
      const MPI_Op operation = sum_or(op, buffer.scalar_type());
      if (is_small(buffer)) {
        MPI_Request request = MPI_REQUEST_NULL;
        check_mpi(
            MPI_Iallreduce(MPI_IN_PLACE, buffer.mutable_data_ptr(),
                           static_cast<int>(buffer.numel()), type, operation, comm_, &request),
            "MPI_Iallreduce");
        complete(request);
      } else {
        meet();
        in_chunks(buffer.mutable_data_ptr(), buffer.numel(), buffer.element_size(),
                  [&](void* data, int count) { reduce_chunk(data, count, type, operation); });
      }
      if (op == ReduceOp::mean) buffer.div_(size_);
    });
  }

  std::unique_ptr<Work> do_broadcast(torch::Tensor& buffer, int root) override {
    return post([this, buffer, root]() mutable {
      const MPI_Datatype type = mpi_type(buffer.scalar_type());
      if (is_small(buffer)) {
        MPI_Request request = MPI_REQUEST_NULL;
        check_mpi(MPI_Ibcast(buffer.mutable_data_ptr(), static_cast<int>(buffer.numel()), type,
                             root, comm_, &request),
                  "MPI_Ibcast");
        return complete(request);
      }
      meet();
      in_chunks(buffer.mutable_data_ptr(), buffer.numel(), buffer.element_size(),
                [&](void* data, int count) {
                  check_mpi(MPI_Bcast(data, count, type, root, comm_), "MPI_Bcast");
                });
    });
  }

  std::unique_ptr<Work> do_all_gather(const torch::Tensor& part, torch::Tensor& whole) override {
    if (part.numel() > std::numeric_limits<int>::max() / size_) {
      throw Error(ExitCode::internal, "all_gather on mpi: part of more than 2^31 / ranks elements");
    }
    return post([this, part, whole]() mutable {
      const MPI_Datatype type = mpi_type(part.scalar_type());
      const int count = static_cast<int>(part.numel());
      if (is_small(part)) {
        MPI_Request request = MPI_REQUEST_NULL;
        check_mpi(MPI_Iallgather(part.const_data_ptr(), count, type, whole.mutable_data_ptr(),
                                 count, type, comm_, &request),
                  "MPI_Iallgather");
        return complete(request);
      }
      meet();
      check_mpi(MPI_Allgather(part.const_data_ptr(), count, type, whole.mutable_data_ptr(), count,
                              type, comm_),
                "MPI_Allgather");
    });
  }

  MPI_Comm comm_ = MPI_COMM_NULL;
  MPI_Comm within_ = MPI_COMM_NULL, between_ = MPI_COMM_NULL;  // a host's ranks; their leaders
  std::atomic<bool> hierarchical_ = false;
  MPI_Op bfloat16_sum_ = MPI_OP_NULL;
  int rank_ = 0, size_ = 1, local_rank_ = 0, local_size_ = 1;
  CallTimes* current_ = nullptr;  // of the queue's thread
  std::optional<Watchdog> watchdog_;
  WorkQueue queue_;  // last: its thread uses the members above
};

}  // namespace

std::unique_ptr<Communicator> make_mpi(torch::Device device, std::function<bool()> ending) {
  if (!device.is_cpu()) throw ConfigError("transport mpi reduces CPU tensors, not " + device.str());
  const StartGuard guard;
  int started = 0;
  MPI_Initialized(&started);
  if (started == 0) {
    // Unless the user chose: with Open MPI's default (put) a message holds up the one that comes
    // the other way, so that a reduction between hosts takes 1.8 times as long.
    setenv("OMPI_MCA_btl_tcp_flags", "send,inplace", /*overwrite=*/0);
    int provided = 0;
    check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
    if (provided < MPI_THREAD_MULTIPLE) {
      throw CommError(
          "this MPI allows calls from one thread only: one with MPI_THREAD_MULTIPLE is "
          "needed");
    }
  }
  return std::make_unique<MpiCommunicator>(std::move(ending));
}

std::string mpi_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string version(text, static_cast<std::size_t>(length));
  return version.substr(0, version.find_first_of(",\n"));
}

void finalize(ExitCode code) {
  int started = 0, ended = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&ended);
  if (started == 0 || ended != 0) return;
  // All is durable by now: a rank that hangs keeps nobody.
  exit_after(kFinalizeSeconds, static_cast<int>(code));
  MPI_Finalize();
}

}  // namespace pgan::comm
