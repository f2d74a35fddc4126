#include "core/version.h"

#include <torch/version.h>

#include "pgan_build.h"

namespace pgan {

BuildInfo build_info() {
  return {PGAN_VERSION,      PGAN_GIT_DESCRIBE, TORCH_VERSION,
          PGAN_CUDA_VERSION, PGAN_NCCL_VERSION, "g++ " __VERSION__};
}

}  // namespace pgan
