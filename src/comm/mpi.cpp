#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

#include "comm/makers.h"
#include "comm/work_queue.h"

namespace pgan::comm {
namespace {

constexpr std::int64_t kMaxCount = 1 << 28;  // MPI counts are int
constexpr int kAbortGraceSeconds = 5;

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

/// Calls body(byte pointer, count) for pieces whose counts fit an int.
template <class Body>
void in_chunks(void* data, std::int64_t elements, std::size_t element_bytes, Body body) {
  for (std::int64_t done = 0; done < elements; done += kMaxCount) {
    const auto count = static_cast<int>(std::min(kMaxCount, elements - done));
    body(static_cast<char*>(data) + static_cast<std::size_t>(done) * element_bytes, count);
  }
}

/// All MPI calls after start-up come from the queue's thread; abort() alone may come from any.
class MpiCommunicator : public Communicator {
 public:
  MpiCommunicator() {
    check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "MPI_Comm_dup");
    check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &size_);
    MPI_Comm host = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host),
              "MPI_Comm_split_type");
    MPI_Comm_rank(host, &local_rank_);
    MPI_Comm_size(host, &local_size_);
    MPI_Comm_free(&host);
  }

  std::string_view name() const override { return "mpi"; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  int local_size() const override { return local_size_; }
  void set_timeout(double seconds) override { timeout_seconds_ = seconds; }

  void barrier() override {
    queue_.post([this] { meet("barrier"); })->wait();
  }

  [[noreturn]] void abort(ExitCode code) noexcept override {
    const int status = static_cast<int>(code);
    std::thread([status] {  // MPI_Abort may block when a peer hangs
      std::this_thread::sleep_for(std::chrono::seconds(kAbortGraceSeconds));
      _exit(status);
    })
        .detach();
    MPI_Abort(MPI_COMM_WORLD, status);
    _exit(status);
  }

 private:
  /// Waits for all ranks without burning the core: an Ibarrier polled, with short sleeps. A thread
  /// blocked in MPI_Allreduce on a late peer would double the compute time of its rank.
  void meet(const char* operation) const {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibarrier(comm_, &request), "MPI_Ibarrier");
    const auto start = std::chrono::steady_clock::now();
    for (int tries = 0;; ++tries) {
      int done = 0;
      check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done != 0) return;
      if (tries < 20) {
        std::this_thread::yield();
        continue;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - start;
      if (waited.count() > timeout_seconds_) {
        throw CommError("waited " + std::to_string(static_cast<int>(waited.count())) + " s in " +
                        operation +
                        " for another rank, which has stopped or hangs; raise --timeout " +
                        "if it was only slow");
      }
    }
  }

  std::unique_ptr<Work> do_all_reduce(torch::Tensor& buffer, ReduceOp op) override {
    return queue_.post([this, buffer, op]() mutable {
      meet("all_reduce");
      in_chunks(buffer.mutable_data_ptr(), buffer.numel(), buffer.element_size(),
                [&](void* data, int count) {
                  check_mpi(MPI_Allreduce(MPI_IN_PLACE, data, count, mpi_type(buffer.scalar_type()),
                                          mpi_op(op), comm_),
                            "MPI_Allreduce");
                });
      if (op == ReduceOp::mean) buffer.div_(size_);
    });
  }

  std::unique_ptr<Work> do_broadcast(torch::Tensor& buffer, int root) override {
    return queue_.post([this, buffer, root]() mutable {
      meet("broadcast");
      in_chunks(buffer.mutable_data_ptr(), buffer.numel(), buffer.element_size(),
                [&](void* data, int count) {
                  check_mpi(MPI_Bcast(data, count, mpi_type(buffer.scalar_type()), root, comm_),
                            "MPI_Bcast");
                });
    });
  }

  std::unique_ptr<Work> do_all_gather(const torch::Tensor& part, torch::Tensor& whole) override {
    if (part.numel() > std::numeric_limits<int>::max() / size_) {
      throw Error(ExitCode::internal, "all_gather on mpi: part of more than 2^31 / ranks elements");
    }
    return queue_.post([this, part, whole]() mutable {
      meet("all_gather");
      const MPI_Datatype type = mpi_type(part.scalar_type());
      const int count = static_cast<int>(part.numel());
      check_mpi(MPI_Allgather(part.const_data_ptr(), count, type, whole.mutable_data_ptr(), count,
                              type, comm_),
                "MPI_Allgather");
    });
  }

  std::atomic<double> timeout_seconds_ = kDefaultTimeoutSeconds;
  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1, local_rank_ = 0, local_size_ = 1;
  WorkQueue queue_;  // last: its thread uses the members above
};

}  // namespace

std::unique_ptr<Communicator> make_mpi(torch::Device device) {
  if (!device.is_cpu()) throw ConfigError("transport mpi reduces CPU tensors, not " + device.str());
  int started = 0;
  MPI_Initialized(&started);
  if (started == 0) {
    int provided = 0;
    check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
    if (provided < MPI_THREAD_SERIALIZED) {
      throw CommError(
          "this MPI allows calls from its first thread only; an MPI with "
          "MPI_THREAD_SERIALIZED or better is needed");
    }
  }
  return std::make_unique<MpiCommunicator>();
}

std::string mpi_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string version(text, static_cast<std::size_t>(length));
  return version.substr(0, version.find_first_of(",\n"));
}

void finalize() {
  int started = 0, ended = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&ended);
  if (started != 0 && ended == 0) MPI_Finalize();
}

}  // namespace pgan::comm
