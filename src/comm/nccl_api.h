#pragma once
#include <climits>
#include <cstddef>
#include <string>

namespace pgan::comm {

/// The few functions of NCCL that are used, and the types they take.
///
/// Nothing of NCCL or CUDA is needed to build: NCCL comes in with LibTorch's CUDA part at run time,
/// and tests put a stand-in library in its place. Where there is an nccl.h at build time,
/// nccl_api.cpp has the compiler compare all of this with it.
struct NcclApi {
  using Comm = struct ncclComm*;

  static constexpr int kSuccess = 0, kSystemError = 2, kInProgress = 7;
  static constexpr int kSum = 0, kMax = 2, kMin = 3, kAverage = 4;
  static constexpr int kUint8 = 1, kInt32 = 2, kInt64 = 4, kFloat32 = 7, kFloat64 = 8,
                       kBfloat16 = 9;

  struct Id {
    char bytes[128];
  };

  /// The beginning of ncclConfig_t, as of NCCL 2.17; later versions fill in the rest by themselves.
  struct Config {
    std::size_t size = sizeof(Config);
    unsigned int magic = 0xcafebeef;
    unsigned int version = 21700;
    int blocking = 0;
    int cga_cluster_size = INT_MIN;  ///< NCCL's own choice
  };

  int (*get_version)(int* version) = nullptr;
  int (*get_unique_id)(Id* id) = nullptr;
  int (*comm_init_rank_config)(Comm* comm, int ranks, Id id, int rank, Config* config) = nullptr;
  int (*comm_get_async_error)(Comm comm, int* state) = nullptr;
  int (*comm_finalize)(Comm comm) = nullptr;
  int (*comm_destroy)(Comm comm) = nullptr;
  int (*comm_abort)(Comm comm) = nullptr;
  int (*all_reduce)(const void* from, void* to, std::size_t count, int type, int op, Comm comm,
                    void* stream) = nullptr;
  int (*broadcast)(const void* from, void* to, std::size_t count, int type, int root, Comm comm,
                   void* stream) = nullptr;
  int (*all_gather)(const void* from, void* to, std::size_t count, int type, Comm comm,
                    void* stream) = nullptr;
  const char* (*get_error_string)(int result) = nullptr;
  const char* (*get_last_error)(Comm comm) = nullptr;

  /// Version of the library, e.g. 22809 for 2.28.9.
  int version() const;
  /// "unhandled system error (socket closed); …": a result, with the library's own details and
  /// what to do, on one line.
  std::string describe(int result, Comm comm) const;
};

/// The NCCL that LibTorch's CUDA part brought into the process, or one that was preloaded. Null
/// functions when there is none.
NcclApi find_nccl();

/// From the given library. Throws ConfigError when it cannot be opened or lacks a function.
NcclApi load_nccl(const std::string& file);

/// Version of the nccl.h at build time; without one, the oldest that has all of NcclApi.
int compiled_nccl_version();

/// "2.28.9" for 22809.
std::string nccl_version_text(int version);

/// Throws ConfigError unless the library is as new as what was compiled for, of the same major
/// version.
void check_nccl_version(const NcclApi& api);

}  // namespace pgan::comm
