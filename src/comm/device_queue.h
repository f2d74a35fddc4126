#pragma once
#include <memory>
#include <string>

#include <torch/types.h>

namespace pgan::comm {

/// A queue of work on a device, beside those of the threads that compute: a CUDA stream. Calls come
/// from one thread at a time, but for enter().
class DeviceQueue {
 public:
  /// A point in the queue: all that was put in before it.
  class Mark {
   public:
    virtual ~Mark() = default;
    /// True once the device got there. Throws c10::Error when the device failed. Any thread.
    virtual bool reached() const = 0;
    /// What the calling thread computes from now on comes after the mark. The thread itself does
    /// not wait for a GPU.
    virtual void order_caller() const = 0;
  };

  virtual ~DeviceQueue() = default;
  virtual torch::Device device() const = 0;
  /// As NCCL takes it: a cudaStream_t.
  virtual void* handle() const = 0;
  /// What is put in from now on comes after all that the calling thread has computed.
  virtual void after_caller() = 0;
  virtual std::unique_ptr<Mark> mark() = 0;
  /// Makes the device the calling thread's current one. Any thread.
  virtual void enter() const noexcept = 0;
  /// Names the device: the same in two processes of a host only if they use the same one.
  virtual std::string identity() const = 0;
};

/// A high-priority CUDA stream of LibTorch's pool. Uses CUDA through LibTorch's tables, so that
/// nothing of it is linked; resolve_device() must have loaded it.
std::shared_ptr<DeviceQueue> make_cuda_queue(torch::Device device);

}  // namespace pgan::comm
