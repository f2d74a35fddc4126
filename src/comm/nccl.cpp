#include "comm/transports.h"

#ifdef PGAN_HAS_NCCL
#include <cuda_runtime_api.h>
#include <nccl.h>
#endif

namespace pgan::comm {

std::string cuda_version() {
#ifdef PGAN_HAS_NCCL
  const int minor = CUDART_VERSION % 1000 / 10;
  return std::to_string(CUDART_VERSION / 1000) + "." + std::to_string(minor);
#else
  return "none";
#endif
}

std::string nccl_version() {
#ifdef PGAN_HAS_NCCL
  return std::to_string(NCCL_MAJOR) + "." + std::to_string(NCCL_MINOR) + "." +
         std::to_string(NCCL_PATCH);
#else
  return "none";
#endif
}

}  // namespace pgan::comm
