#include "core/device.h"

#include <dlfcn.h>
#include <unistd.h>

#include <fstream>

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include "core/error.h"

namespace pgan {
namespace {

/// Opens libtorch_cuda (found beside libtorch_cpu, which is linked) and counts the GPUs.
int cuda_devices() {
  if (!PGAN_CUDA_ALLOWED) return 0;
  static const void* library = dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
  return library == nullptr ? 0 : static_cast<int>(at::detail::getCUDAHooks().deviceCount());
}

}  // namespace

torch::Device resolve_device(const std::string& choice, int local_rank) {
  if (choice == "cpu") return torch::kCPU;
  if (choice != "auto" && choice != "cuda") {
    throw ConfigError("--device " + choice + ": expected auto, cpu or cuda");
  }
  const int devices = cuda_devices();
  if (devices > 0) return {torch::kCUDA, static_cast<c10::DeviceIndex>(local_rank % devices)};
  if (choice == "auto") return torch::kCPU;
  throw ConfigError(
      "--device cuda: no usable GPU (LibTorch without CUDA, no driver, or "
      "CUDA_VISIBLE_DEVICES is empty); use --device cpu");
}

Precision resolve_precision(const std::string& choice, torch::Device device) {
  if (choice == "fp32") return {};
  if (choice == "bf16") return {torch::kFloat32, torch::kBFloat16};
  if (choice != "fp64")
    throw ConfigError("--precision " + choice + ": expected fp32, bf16 or fp64");
  if (!device.is_cpu()) throw ConfigError("--precision fp64 is for verification on --device cpu");
  return {torch::kFloat64, std::nullopt};
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total_pages = 0, resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

}  // namespace pgan
