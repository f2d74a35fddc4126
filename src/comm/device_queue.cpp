#include "comm/device_queue.h"

#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include <c10/core/Event.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace pgan::comm {
namespace {

using c10::impl::VirtualGuardImpl;

class CudaMark : public DeviceQueue::Mark {
 public:
  explicit CudaMark(const c10::Stream& stream) : event_(stream.device_type()) {
    event_.record(stream);
  }
  bool reached() const override { return event_.query(); }
  void order_caller() const override {
    event_.block(VirtualGuardImpl(event_.device_type()).getStream(event_.device()));
  }

 private:
  c10::Event event_;
};

/// "GPU-0123…" of CUDA's driver, which is in the process when CUDA is; empty if it does not tell.
/// Other than the index, it does not depend on CUDA_VISIBLE_DEVICES.
std::string device_uuid(int index) {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW);
  if (driver == nullptr) return "";
  const auto get_device = reinterpret_cast<int (*)(int*, int)>(dlsym(driver, "cuDeviceGet"));
  auto get_uuid =
      reinterpret_cast<int (*)(unsigned char*, int)>(dlsym(driver, "cuDeviceGetUuid_v2"));
  if (get_uuid == nullptr) {
    get_uuid = reinterpret_cast<int (*)(unsigned char*, int)>(dlsym(driver, "cuDeviceGetUuid"));
  }
  std::array<unsigned char, 16> bytes{};
  int device = 0;
  if (get_device == nullptr || get_uuid == nullptr || get_device(&device, index) != 0 ||
      get_uuid(bytes.data(), device) != 0) {
    return "";
  }
  std::string text = "GPU-";
  for (const unsigned char byte : bytes) {
    char hex[3];
    std::snprintf(hex, sizeof(hex), "%02x", byte);
    text += hex;
  }
  return text;
}

class CudaQueue : public DeviceQueue {
 public:
  explicit CudaQueue(torch::Device device)
      : guard_(device.type()),
        device_(device),
        stream_(guard_.getStreamFromGlobalPool(device, /*isHighPriority=*/true)),
        caller_(device.type()) {}

  torch::Device device() const override { return device_; }
  void* handle() const override { return stream_.native_handle(); }
  void after_caller() override {
    caller_.record(guard_.getStream(device_));
    caller_.block(stream_);
  }
  std::unique_ptr<Mark> mark() override { return std::make_unique<CudaMark>(stream_); }
  void enter() const noexcept override {
    try {
      guard_.setDevice(device_);
    } catch (const c10::Error&) {  // a broken GPU: the next call on it says so
    }
  }
  std::string identity() const override {
    const std::string uuid = device_uuid(device_.index());
    if (!uuid.empty()) return uuid;
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    return device_.str() + (visible != nullptr ? std::string(" of ") + visible : "");
  }

 private:
  VirtualGuardImpl guard_;
  torch::Device device_;
  c10::Stream stream_;
  c10::Event caller_;
};

}  // namespace

std::shared_ptr<DeviceQueue> make_cuda_queue(torch::Device device) {
  return std::make_shared<CudaQueue>(device);
}

}  // namespace pgan::comm
