#pragma once
#include <exception>
#include <optional>

#include <torch/types.h>

#include "core/types.h"
#include "data/batch_source.h"

namespace pgan::train {

/// Brings a source's batches to the model's device. On a GPU the next batch is copied on a stream
/// of its own while the present one is trained on, from page-locked memory.
class DeviceFeed {
 public:
  DeviceFeed(data::BatchSource& source, torch::Device device, torch::Dtype dtype)
      : source_(source), device_(device), dtype_(dtype) {}

  /// As BatchSource::seek(); a batch that was copied ahead is dropped.
  void seek(Progress progress);
  /// As BatchSource::next(), with images and labels on the device, in the model's dtype. What the
  /// calling thread computes from now on comes after the copy.
  Batch next();

 private:
  /// A batch whose copy was put on the copying stream.
  struct Copied {
    Batch batch;
    std::optional<c10::Event> done;
  };
  Copied copy(Batch batch) const;

  data::BatchSource& source_;
  torch::Device device_;
  torch::Dtype dtype_;
  std::optional<c10::Stream> stream_;
  std::optional<Copied> ahead_;
  std::exception_ptr failed_;  // what copying ahead threw
};

}  // namespace pgan::train
