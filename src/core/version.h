#pragma once
#include <string>

namespace pgan {

/// Facts about this build; MPI and NCCL are added by comm (comm/transports.h).
struct BuildInfo {
  std::string version;   ///< e.g. "0.1.0"
  std::string git;       ///< git describe, or "unknown"
  std::string libtorch;  ///< version compiled against
  std::string compiler;
};
BuildInfo build_info();

}  // namespace pgan
