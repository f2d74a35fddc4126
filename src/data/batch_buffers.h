#pragma once
#include <cstddef>
#include <memory>

#include <torch/types.h>

namespace pgan::data {

/// Memory of batches, used again when a batch is let go of: fresh pages cost a large picture's
/// loader more time than decoding does. Thread-safe; tensors may outlive it.
class BatchBuffers {
 public:
  /// spare: buffers that are kept while no tensor uses them.
  explicit BatchBuffers(std::size_t spare);
  /// float32 of these sizes on the CPU, contiguous, aligned to 64 bytes, not set to anything.
  torch::Tensor make(torch::IntArrayRef sizes);

 private:
  struct Shelf;
  std::shared_ptr<Shelf> shelf_;
};

}  // namespace pgan::data
