#include "train/device_feed.h"

#include <utility>

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace pgan::train {
namespace {

/// Calls f with every tensor of a batch.
template <class F>
void each_tensor(Batch& batch, F f) {
  for (auto& [entry, tensor] : batch.data) f(tensor);
  f(batch.labels);
  f(batch.global_labels);
}

}  // namespace

DeviceFeed::Copied DeviceFeed::copy(Batch batch) const {
  if (!stream_) {
    each_tensor(batch, [&](torch::Tensor& tensor) { tensor = tensor.to(device_, dtype_); });
    return {std::move(batch), std::nullopt};
  }
  const c10::StreamGuard guard(*stream_);
  each_tensor(batch, [&](torch::Tensor& tensor) {
    tensor = tensor.to(device_, /*non_blocking=*/true).to(dtype_);
  });
  c10::Event done(device_.type());
  done.record(*stream_);
  return {std::move(batch), std::move(done)};
}

void DeviceFeed::seek(Progress progress) {
  ahead_.reset();
  failed_ = nullptr;
  source_.seek(progress);
}

Batch DeviceFeed::next() {
  if (device_.is_cuda() && !stream_) {
    stream_ = c10::impl::VirtualGuardImpl(device_.type()).getStreamFromGlobalPool(device_);
  }
  if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
  Copied now = ahead_ ? std::move(*ahead_) : copy(source_.next());
  ahead_.reset();
  if (now.done) {
    const c10::Stream computing = c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
    now.done->block(computing);
    // Their memory belongs to the copying stream, which may not reuse it before this one is done.
    each_tensor(now.batch, [&](torch::Tensor& tensor) { tensor.record_stream(computing); });
  }
  if (stream_ && source_.ready()) {
    try {
      ahead_ = copy(source_.next());
    } catch (...) {
      failed_ = std::current_exception();  // of the next batch, which may not be asked for
    }
  }
  return std::move(now.batch);
}

}  // namespace pgan::train
