#pragma once
#include <string>

namespace pgan {

/// Facts about this build; MPI's version comes from comm/transports.h.
struct BuildInfo {
  std::string version;   ///< e.g. "0.1.0"
  std::string git;       ///< git describe, or "unknown"
  std::string libtorch;  ///< version compiled against
  std::string cuda;      ///< of LibTorch's CUDA, "none" without it or with PGAN_CUDA=OFF
  std::string nccl;      ///< likewise
  std::string compiler;
};
BuildInfo build_info();

}  // namespace pgan
