#include "data/batch_buffers.h"

#include <mutex>
#include <utility>
#include <vector>

namespace pgan::data {

struct BatchBuffers::Shelf {
  std::size_t room;
  std::mutex mutex;
  std::vector<torch::Tensor> buffers;  // all of one size: that of the batches made now
  std::int64_t size = 0;

  torch::Tensor take(std::int64_t numel) {
    {
      const std::lock_guard lock(mutex);
      if (numel != size) buffers.clear();
      size = numel;
      if (!buffers.empty()) {
        torch::Tensor buffer = std::move(buffers.back());
        buffers.pop_back();
        return buffer;
      }
    }
    return torch::empty({numel}, torch::kFloat32);
  }

  void put_back(torch::Tensor buffer) {
    const std::lock_guard lock(mutex);
    if (buffer.numel() == size && buffers.size() < room) buffers.push_back(std::move(buffer));
  }
};

BatchBuffers::BatchBuffers(std::size_t spare) : shelf_(std::make_shared<Shelf>()) {
  shelf_->room = spare;
}

torch::Tensor BatchBuffers::make(torch::IntArrayRef sizes) {
  torch::Tensor buffer = shelf_->take(c10::multiply_integers(sizes));
  float* data = buffer.mutable_data_ptr<float>();
  const auto put_back = [shelf = shelf_, buffer](void*) { shelf->put_back(buffer); };
  return torch::from_blob(data, sizes, put_back, torch::kFloat32);
}

}  // namespace pgan::data
