#include "comm/nccl_api.h"

#include <dlfcn.h>

#include <type_traits>

#if PGAN_HAVE_NCCL_H
#include <nccl.h>
#endif

#include "core/error.h"

namespace pgan::comm {
namespace {

#if PGAN_HAVE_NCCL_H
constexpr int kCompiledVersion = NCCL_VERSION_CODE;
using Api = NcclApi;
static_assert(Api::kSuccess == ncclSuccess && Api::kSystemError == ncclSystemError &&
              Api::kInProgress == ncclInProgress);
static_assert(Api::kSum == ncclSum && Api::kMax == ncclMax && Api::kMin == ncclMin &&
              Api::kAverage == ncclAvg);
static_assert(Api::kUint8 == ncclUint8 && Api::kInt32 == ncclInt32 && Api::kInt64 == ncclInt64 &&
              Api::kFloat32 == ncclFloat32 && Api::kFloat64 == ncclFloat64 &&
              Api::kBfloat16 == ncclBfloat16);
static_assert(sizeof(Api::Id) == sizeof(ncclUniqueId) && sizeof(int) == sizeof(ncclResult_t) &&
              sizeof(int) == sizeof(ncclRedOp_t) && sizeof(int) == sizeof(ncclDataType_t));
static_assert(offsetof(Api::Config, size) == offsetof(ncclConfig_t, size) &&
              offsetof(Api::Config, magic) == offsetof(ncclConfig_t, magic) &&
              offsetof(Api::Config, version) == offsetof(ncclConfig_t, version) &&
              offsetof(Api::Config, blocking) == offsetof(ncclConfig_t, blocking) &&
              offsetof(Api::Config, cga_cluster_size) == offsetof(ncclConfig_t, cgaClusterSize) &&
              sizeof(Api::Config) <= sizeof(ncclConfig_t) && NCCL_CONFIG_UNDEF_INT == INT_MIN);

/// True when the table's function takes as many arguments, each of the same kind, as nccl.h's:
/// numbers and enumerations of one size, or pointers.
template <class Ours, class Theirs>
constexpr bool kAlike =
    sizeof(Ours) == sizeof(Theirs) && std::is_pointer_v<Ours> == std::is_pointer_v<Theirs>;
template <class R, class... Ours, class S, class... Theirs>
constexpr bool alike(R (*)(Ours...), S (*)(Theirs...)) {
  if constexpr (sizeof...(Ours) != sizeof...(Theirs)) {
    return false;
  } else {
    return kAlike<R, S> && (kAlike<Ours, Theirs> && ...);
  }
}
#define PGAN_ALIKE(ours, theirs) \
  static_assert(alike(decltype(Api::ours){}, static_cast<decltype(&(theirs))>(nullptr)))
PGAN_ALIKE(get_version, ncclGetVersion);
PGAN_ALIKE(get_unique_id, ncclGetUniqueId);
PGAN_ALIKE(comm_init_rank_config, ncclCommInitRankConfig);
PGAN_ALIKE(comm_get_async_error, ncclCommGetAsyncError);
PGAN_ALIKE(comm_finalize, ncclCommFinalize);
PGAN_ALIKE(comm_destroy, ncclCommDestroy);
PGAN_ALIKE(comm_abort, ncclCommAbort);
PGAN_ALIKE(all_reduce, ncclAllReduce);
PGAN_ALIKE(broadcast, ncclBroadcast);
PGAN_ALIKE(all_gather, ncclAllGather);
PGAN_ALIKE(get_error_string, ncclGetErrorString);
PGAN_ALIKE(get_last_error, ncclGetLastError);
#undef PGAN_ALIKE
#else
constexpr int kCompiledVersion = 21700;
#endif

/// Sets the function of that name; false if the library has none.
template <class Function>
bool take(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

/// The name of the first function that the library lacks, null if it has all.
const char* take_all(void* library, NcclApi& api) {
  if (!take(library, "ncclGetVersion", api.get_version)) return "ncclGetVersion";
  if (!take(library, "ncclGetUniqueId", api.get_unique_id)) return "ncclGetUniqueId";
  if (!take(library, "ncclCommInitRankConfig", api.comm_init_rank_config))
    return "ncclCommInitRankConfig";
  if (!take(library, "ncclCommGetAsyncError", api.comm_get_async_error))
    return "ncclCommGetAsyncError";
  if (!take(library, "ncclCommFinalize", api.comm_finalize)) return "ncclCommFinalize";
  if (!take(library, "ncclCommDestroy", api.comm_destroy)) return "ncclCommDestroy";
  if (!take(library, "ncclCommAbort", api.comm_abort)) return "ncclCommAbort";
  if (!take(library, "ncclAllReduce", api.all_reduce)) return "ncclAllReduce";
  if (!take(library, "ncclBroadcast", api.broadcast)) return "ncclBroadcast";
  if (!take(library, "ncclAllGather", api.all_gather)) return "ncclAllGather";
  if (!take(library, "ncclGetErrorString", api.get_error_string)) return "ncclGetErrorString";
  if (!take(library, "ncclGetLastError", api.get_last_error)) return "ncclGetLastError";
  return nullptr;
}

}  // namespace

int NcclApi::version() const {
  int code = 0;
  const int result = get_version(&code);
  if (result != kSuccess) throw ConfigError("ncclGetVersion: " + describe(result, nullptr));
  return code;
}

std::string NcclApi::describe(int result, Comm comm) const {
  std::string text = get_error_string(result);
  const char* details = get_last_error(comm);
  if (details != nullptr && *details != '\0') text += " (" + std::string(details) + ")";
  for (char& letter : text) {
    if (letter == '\n') letter = ' ';
  }
  if (text.find("NCCL_DEBUG") == std::string::npos)
    text += "; NCCL_DEBUG=WARN in the environment tells more";
  return text;
}

NcclApi find_nccl() {
  NcclApi api;
  // The soname first: that is what LibTorch uses, or what was preloaded. A LibTorch without it may
  // hold NCCL itself.
  for (const char* name : {"libnccl.so.2", "libtorch_cuda.so"}) {
    void* library = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
    if (library != nullptr && take_all(library, api) == nullptr) return api;
  }
  return {};
}

NcclApi load_nccl(const std::string& file) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw ConfigError(std::string("cannot open NCCL: ") + dlerror());
  NcclApi api;
  if (const char* missing = take_all(library, api)) {
    throw ConfigError(file + " has no " + missing + ": NCCL 2.17 or later is needed");
  }
  return api;
}

int compiled_nccl_version() {
  return kCompiledVersion;
}

std::string nccl_version_text(int version) {
  const int major = version < 10000 ? version / 1000 : version / 10000;  // 2.8 and older: 2804
  const int minor = version < 10000 ? version / 100 % 10 : version / 100 % 100;
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(version % 100);
}

void check_nccl_version(const NcclApi& api) {
  const int loaded = api.version();
  if (loaded / 10000 == kCompiledVersion / 10000 && loaded >= kCompiledVersion) return;
  throw ConfigError("NCCL " + nccl_version_text(loaded) + " was loaded, but this program needs " +
                    nccl_version_text(kCompiledVersion) + " or later of NCCL " +
                    std::to_string(kCompiledVersion / 10000) +
                    ": take other copies of libnccl.so.2 out of LD_PRELOAD and LD_LIBRARY_PATH");
}

}  // namespace pgan::comm
