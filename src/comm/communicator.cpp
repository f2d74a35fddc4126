#include "comm/communicator.h"

#include <algorithm>
#include <cstring>

namespace pgan::comm {

void Communicator::check(const torch::Tensor& buffer, const char* operation) const {
  const auto fail = [&](const std::string& what) {
    throw Error(ExitCode::internal,
                std::string(operation) + " on " + std::string(name()) + ": " + what);
  };
  if (!buffer.defined()) fail("undefined tensor");
  if (!buffer.is_contiguous()) fail("buffer must be contiguous");
  if (buffer.device().type() != device().type()) fail("buffer lives on " + buffer.device().str());
  switch (buffer.scalar_type()) {
    case torch::kFloat32:
    case torch::kFloat64:
    case torch::kInt32:
    case torch::kInt64:
    case torch::kUInt8:
    case torch::kBFloat16:
      break;
    default:
      fail(std::string("no such dtype: ") + c10::toString(buffer.scalar_type()));
  }
}

void Communicator::set_activity(std::string what) {
  const std::lock_guard lock(activity_mutex_);
  activity_ = {std::move(what), std::chrono::steady_clock::now()};
}

Communicator::Activity Communicator::activity() const {
  const std::lock_guard lock(activity_mutex_);
  return activity_;
}

std::string Communicator::call() const {
  return operation_ + " (" + activity().what + ")";
}

std::unique_ptr<Work> Communicator::all_reduce(torch::Tensor& buffer, ReduceOp op,
                                               std::string what) {
  operation_ = std::move(what);
  check(buffer, "all_reduce");
  if (op == ReduceOp::mean && !buffer.is_floating_point()) {
    throw Error(ExitCode::internal, "all_reduce: mean of whole numbers");
  }
  return do_all_reduce(buffer, op);
}

std::unique_ptr<Work> Communicator::broadcast(torch::Tensor& buffer, int root) {
  operation_ = "broadcast";
  check(buffer, "broadcast");
  if (root < 0 || root >= size())
    throw Error(ExitCode::internal, "broadcast: no rank " + std::to_string(root));
  return do_broadcast(buffer, root);
}

std::unique_ptr<Work> Communicator::all_gather(const torch::Tensor& part, torch::Tensor& whole) {
  operation_ = "all_gather";
  check(part, "all_gather");
  check(whole, "all_gather");
  if (whole.numel() != part.numel() * size() || whole.scalar_type() != part.scalar_type()) {
    throw Error(ExitCode::internal, "all_gather: whole must be size() parts of the same dtype");
  }
  return do_all_gather(part, whole);
}

std::string broadcast_text(Communicator& host, std::string text, int root) {
  torch::Tensor length = torch::tensor({static_cast<std::int64_t>(text.size())});
  host.broadcast(length, root)->wait();
  torch::Tensor bytes = torch::zeros({length.item<std::int64_t>()}, torch::kUInt8);
  if (host.rank() == root) std::memcpy(bytes.mutable_data_ptr(), text.data(), text.size());
  if (bytes.numel() > 0) host.broadcast(bytes, root)->wait();
  return {static_cast<const char*>(bytes.const_data_ptr()),
          static_cast<std::size_t>(bytes.numel())};
}

std::vector<std::string> gather_text(Communicator& host, const std::string& text) {
  const torch::Tensor length = torch::tensor({static_cast<std::int64_t>(text.size())});
  torch::Tensor lengths = torch::empty({host.size(), 1}, torch::kInt64);
  host.all_gather(length, lengths)->wait();
  const std::int64_t longest = lengths.max().item<std::int64_t>();
  std::vector<std::string> result(static_cast<std::size_t>(host.size()));
  if (longest == 0) return result;
  torch::Tensor part = torch::zeros({longest}, torch::kUInt8);
  std::memcpy(part.mutable_data_ptr(), text.data(), text.size());
  torch::Tensor whole = torch::empty({host.size(), longest}, torch::kUInt8);
  host.all_gather(part, whole)->wait();
  for (int rank = 0; rank < host.size(); ++rank) {
    const char* row = static_cast<const char*>(whole.const_data_ptr()) + rank * longest;
    const auto bytes = static_cast<std::size_t>(lengths[rank][0].item<std::int64_t>());
    result[static_cast<std::size_t>(rank)].assign(row, bytes);
  }
  return result;
}

}  // namespace pgan::comm
