// Stands in for NCCL: a library of the same C functions over host memory and MPI, as strict as NCCL
// about their use, with faults on demand.
//
// NCCL_STAND_IN_FAULTS="CALL:NTH:ACTION@RANK;…": at the NTH call of CALL on RANK
//   error       it returns an error
//   hang        it does not return before the communicator is aborted (ncclCommAbort: never)
//   stall       what it began has no end before the communicator is aborted
//   late_error  the same, and the communicator reports an error soon after
//   kill        the process is killed
// NCCL_STAND_IN_VERSION=21005: the version it claims; default: that of PGAN_STAND_IN_VERSION.
#include "nccl/stand_in.h"

#include <mpi.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using pgan::tests::StandInStream;
using std::chrono::milliseconds;

enum Result {
  kSuccess = 0,
  kSystemError = 2,
  kInternalError = 3,
  kInvalidArgument = 4,
  kInvalidUsage = 5,
  kRemoteError = 6,
  kInProgress = 7
};
constexpr auto kConnecting = milliseconds(30);

struct Id {
  char bytes[128];
};

struct Config {
  std::size_t size;
  unsigned int magic, version;
  int blocking, cga_cluster_size;
};

}  // namespace

struct ncclComm {
  int rank = 0, size = 1;
  MPI_Comm mpi = MPI_COMM_NULL;
  std::atomic<int> state = kInProgress;
  std::atomic<bool> aborted = false, finalized = false, connected = false;
  std::atomic<int> inside = 0;  // calls at this moment
};

namespace {

std::atomic<bool> queries_hang = false;

int world_rank() {
  const char* text = std::getenv("OMPI_COMM_WORLD_RANK");
  return text == nullptr ? 0 : std::atoi(text);
}

/// The action for this call, empty for none.
std::string fault(const std::string& call) {
  static std::mutex mutex;
  static std::map<std::string, int> counts;
  const std::lock_guard lock(mutex);
  const int count = ++counts[call];
  const char* faults = std::getenv("NCCL_STAND_IN_FAULTS");
  std::istringstream rows(faults == nullptr ? "" : faults);
  for (std::string row; std::getline(rows, row, ';');) {
    const std::string start = call + ":" + std::to_string(count) + ":";
    const std::string end = std::string("@").append(std::to_string(world_rank()));
    if (!row.starts_with(start) || !row.ends_with(end)) continue;
    const std::string action = row.substr(start.size(), row.size() - start.size() - end.size());
    if (action == "kill") std::raise(SIGKILL);
    return action;
  }
  return "";
}

/// Counts the calls inside, since NCCL takes one at a time.
class Inside {
 public:
  explicit Inside(ncclComm* comm) : comm_(comm), alone_(comm->inside.fetch_add(1) == 0) {}
  ~Inside() { comm_->inside.fetch_sub(1); }
  bool alone() const { return alone_; }

 private:
  ncclComm* comm_;
  bool alone_;
};

void sleep_until_aborted(const ncclComm* comm) {
  while (!comm->aborted) std::this_thread::sleep_for(milliseconds(1));
}

/// False when aborted: the request is left behind.
bool complete(const ncclComm* comm, MPI_Request request) {
  for (int done = 0; done == 0;) {
    if (comm->aborted) return false;
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

MPI_Datatype mpi_type(int type) {
  static const std::map<int, MPI_Datatype> types = {
      {1, MPI_UINT8_T}, {2, MPI_INT32_T}, {4, MPI_INT64_T}, {7, MPI_FLOAT}, {8, MPI_DOUBLE}};
  return types.at(type);
}

std::size_t bytes_of(int type) {
  static const std::map<int, std::size_t> sizes = {{1, 1}, {2, 4}, {4, 8}, {7, 4}, {8, 8}, {9, 2}};
  return sizes.at(type);
}

constexpr int kFloat32 = 7, kFloat64 = 8, kBfloat16 = 9;
constexpr int kAverage = 4;

void reduce(ncclComm* comm, void* data, std::size_t count, int type, int op) {
  if (type == kBfloat16) {
    auto* halves = static_cast<std::uint16_t*>(data);
    std::vector<float> wide(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t bits = static_cast<std::uint32_t>(halves[i]) << 16;
      std::memcpy(&wide[i], &bits, sizeof(bits));
    }
    reduce(comm, wide.data(), count, kFloat32, op);
    for (std::size_t i = 0; i < count; ++i) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &wide[i], sizeof(bits));
      halves[i] = static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
    return;
  }
  if (comm->mpi != MPI_COMM_NULL) {
    const MPI_Op operation = op == 2 ? MPI_MAX : op == 3 ? MPI_MIN : MPI_SUM;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Iallreduce(MPI_IN_PLACE, data, static_cast<int>(count), mpi_type(type), operation,
                   comm->mpi, &request);
    if (!complete(comm, request)) return;
  }
  if (op != kAverage) return;
  for (std::size_t i = 0; i < count; ++i) {
    if (type == kFloat32) static_cast<float*>(data)[i] /= static_cast<float>(comm->size);
    if (type == kFloat64) static_cast<double*>(data)[i] /= comm->size;
  }
}

/// Joins the ranks, in the background. All must have come with the same id.
void join(ncclComm* comm, const Id& id) {
  std::this_thread::sleep_for(kConnecting);
  int started = 0;
  MPI_Initialized(&started);
  if (started != 0 && comm->size > 1) {
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Comm copy = MPI_COMM_NULL;
    MPI_Comm_idup(MPI_COMM_WORLD, &copy, &request);
    if (!complete(comm, request)) return;
    std::int64_t numbers[2];
    std::memcpy(numbers, id.bytes, sizeof(std::int64_t));
    const std::int64_t own = numbers[0];
    numbers[1] = -own;
    MPI_Iallreduce(MPI_IN_PLACE, numbers, 2, MPI_INT64_T, MPI_MAX, copy, &request);
    if (!complete(comm, request)) return;
    if (own == 0 || numbers[0] != own || numbers[1] != -own) {
      comm->state = kInvalidArgument;
      return;
    }
    comm->mpi = copy;
  }
  comm->state = kSuccess;
}

/// A collective: into the stream, the first one only after connections were made.
int enqueue(ncclComm* comm, const char* call, void* stream, const std::function<void()>& work) {
  const Inside inside(comm);
  if (!inside.alone()) return kInternalError;
  if (comm->aborted || comm->finalized || comm->state == kInProgress) return kInvalidUsage;
  if (comm->state != kSuccess) return comm->state;
  const std::string action = fault(call);
  if (action == "error") return kSystemError;
  if (action == "hang") {
    sleep_until_aborted(comm);
    return kInternalError;
  }
  auto* queue = static_cast<StandInStream*>(stream);
  if (action == "stall" || action == "late_error") {
    queue->post([comm, action] {
      if (action == "late_error") {
        std::this_thread::sleep_for(milliseconds(50));
        comm->state = kRemoteError;
      }
      sleep_until_aborted(comm);
    });
    return kSuccess;
  }
  const auto unless_aborted = [comm, work] {
    if (!comm->aborted) work();
  };
  if (comm->connected.exchange(true)) {
    queue->post(unless_aborted);
    return kSuccess;
  }
  comm->state = kInProgress;
  std::thread([comm, queue, unless_aborted] {
    std::this_thread::sleep_for(kConnecting);
    if (comm->aborted) return;
    queue->post(unless_aborted);
    comm->state = kSuccess;
  }).detach();
  return kInProgress;
}

}  // namespace

// Communicators are never freed, so that what goes on in the background may look at them.
extern "C" {

int ncclGetVersion(int* version) {
  const char* claimed = std::getenv("NCCL_STAND_IN_VERSION");
  *version = claimed == nullptr ? PGAN_STAND_IN_VERSION : std::atoi(claimed);
  return kSuccess;
}

int ncclGetUniqueId(Id* id) {
  if (fault("ncclGetUniqueId") == "error") return kSystemError;
  std::memset(id->bytes, 0, sizeof(id->bytes));
  const std::int64_t number = std::chrono::steady_clock::now().time_since_epoch().count();
  std::memcpy(id->bytes, &number, sizeof(number));
  return kSuccess;
}

int ncclCommInitRankConfig(ncclComm** comm, int ranks, Id id, int rank, Config* config) {
  if (config->magic != 0xcafebeef || config->size < sizeof(Config) || config->blocking != 0)
    return kInvalidArgument;
  *comm = new ncclComm;
  (*comm)->rank = rank;
  (*comm)->size = ranks;
  const std::string action = fault("ncclCommInitRankConfig");
  if (action == "error") return kSystemError;
  if (action == "hang") sleep_until_aborted(*comm);
  if (action == "stall") return kInProgress;
  if (action == "late_error") {
    (*comm)->state = kRemoteError;
    return kInProgress;
  }
  std::thread(join, *comm, id).detach();
  return kInProgress;
}

int ncclCommGetAsyncError(ncclComm* comm, int* state) {
  const Inside inside(comm);
  if (!inside.alone()) return kInternalError;
  if (fault("ncclCommGetAsyncError") == "hang" || queries_hang) sleep_until_aborted(comm);
  *state = comm->state;
  return kSuccess;
}

int ncclCommFinalize(ncclComm* comm) {
  const Inside inside(comm);
  if (!inside.alone()) return kInternalError;
  if (comm->state != kSuccess || comm->aborted) return kInvalidUsage;
  comm->finalized = true;
  const std::string action = fault("ncclCommFinalize");
  if (action == "hang") sleep_until_aborted(comm);
  comm->state = kInProgress;
  if (action == "stall") return kInProgress;
  std::thread([comm] {
    std::this_thread::sleep_for(kConnecting);
    comm->state = kSuccess;
  }).detach();
  return kInProgress;
}

int ncclCommDestroy(ncclComm* comm) {
  return comm->finalized && comm->state == kSuccess ? kSuccess : kInvalidUsage;
}

int ncclCommAbort(ncclComm* comm) {
  if (fault("ncclCommAbort") == "hang") std::this_thread::sleep_for(std::chrono::hours(1));
  comm->aborted = true;
  return kSuccess;
}

int ncclAllReduce(const void* from, void* to, std::size_t count, int type, int op, ncclComm* comm,
                  void* stream) {
  if (from != to) return kInvalidArgument;
  return enqueue(comm, "ncclAllReduce", stream, [=] { reduce(comm, to, count, type, op); });
}

int ncclBroadcast(const void* from, void* to, std::size_t count, int type, int root, ncclComm* comm,
                  void* stream) {
  if (from != to) return kInvalidArgument;
  return enqueue(comm, "ncclBroadcast", stream, [=] {
    if (comm->mpi == MPI_COMM_NULL) return;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Ibcast(to, static_cast<int>(count * bytes_of(type)), MPI_CHAR, root, comm->mpi, &request);
    complete(comm, request);
  });
}

int ncclAllGather(const void* from, void* to, std::size_t count, int type, ncclComm* comm,
                  void* stream) {
  return enqueue(comm, "ncclAllGather", stream, [=] {
    const std::size_t bytes = count * bytes_of(type);
    if (comm->mpi == MPI_COMM_NULL) {
      std::memcpy(to, from, bytes);
      return;
    }
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Iallgather(from, static_cast<int>(bytes), MPI_CHAR, to, static_cast<int>(bytes), MPI_CHAR,
                   comm->mpi, &request);
    complete(comm, request);
  });
}

/// From now on ncclCommGetAsyncError hangs.
void standInHangQueries() {
  queries_hang = true;
}

const char* ncclGetErrorString(int result) {
  return result == kRemoteError ? "remote process exited or there was a network error"
                                : "unhandled system error";
}

const char* ncclGetLastError(ncclComm*) {
  return "said by the stand-in\nfor NCCL";
}

}  // extern "C"
