#pragma once
#include <exception>
#include <optional>

#include <torch/types.h>

#include "core/types.h"
#include "data/loader.h"

namespace pgan::train {

/// Brings a loader's batches to the model's device. On a GPU the next batch is copied on a stream
/// of its own while the present one is trained on, from page-locked memory.
class DeviceFeed {
 public:
  DeviceFeed(data::Loader& loader, torch::Device device, torch::Dtype dtype)
      : loader_(loader), device_(device), dtype_(dtype) {}

  /// As Loader::seek(); a batch that was copied ahead is dropped.
  void seek(Progress progress);
  /// As Loader::next(), with images and labels on the device, in the model's dtype. What the
  /// calling thread computes from now on comes after the copy.
  Batch next();

 private:
  /// A batch whose copy was put on the copying stream.
  struct Copied {
    Batch batch;
    std::optional<c10::Event> done;
  };
  Copied copy(Batch batch) const;

  data::Loader& loader_;
  torch::Device device_;
  torch::Dtype dtype_;
  std::optional<c10::Stream> stream_;
  std::optional<Copied> ahead_;
  std::exception_ptr failed_;  // what copying ahead threw
};

}  // namespace pgan::train
