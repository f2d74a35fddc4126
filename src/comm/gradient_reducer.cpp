#include "comm/gradient_reducer.h"

#include <chrono>

namespace pgan::comm {
namespace {

constexpr std::int64_t kMaxLosses = 32;

/// The parameter's layout when its elements fill a dense block (contiguous, channels-last).
torch::Tensor view_like(const torch::Tensor& flat, std::int64_t offset,
                        const torch::Tensor& param) {
  const torch::Tensor piece = flat.narrow(0, offset, param.numel());
  if (param.is_non_overlapping_and_dense()) {
    return piece.as_strided(param.sizes(), param.strides(), piece.storage_offset());
  }
  return piece.view(param.sizes());
}

}  // namespace

void ReducerOptions::visit(OptionVisitor& visitor) {
  visitor.group("Ranks");
  visitor.field("bucket-mib", bucket_mib, "MiB of gradients averaged in one collective");
}

void ReducerOptions::validate() const {
  if (bucket_mib < 1 || bucket_mib > 4096) {
    throw ConfigError("--bucket-mib " + std::to_string(bucket_mib) + ": expected 1 to 4096");
  }
}

GradientReducer::GradientReducer(Communicator& comm, std::vector<torch::Tensor> params,
                                 ReducerOptions options)
    : comm_(comm), params_(std::move(params)) {
  const std::int64_t limit = options.bucket_mib << 20;
  std::int64_t bytes = limit;
  for (std::size_t i = params_.size(); i-- > 0;) {
    const torch::Tensor& param = params_[i];
    const std::int64_t own = param.numel() * static_cast<std::int64_t>(param.element_size());
    if (bytes + own > limit) buckets_.emplace_back(), bytes = 0;
    buckets_.back().params.push_back(i);
    buckets_.back().gradients += param.numel();
    bytes += own;
  }
  for (Bucket& bucket : buckets_) {
    const bool last = &bucket == &buckets_.back();
    const torch::Tensor& first = params_[bucket.params.front()];
    bucket.flat = torch::zeros({bucket.gradients + (last ? kMaxLosses : 0)},
                               first.options().requires_grad(false));
    std::int64_t offset = 0;
    for (const std::size_t i : bucket.params) {
      bucket.grads.push_back(view_like(bucket.flat, offset, params_[i]));
      offset += params_[i].numel();
    }
  }
}

void GradientReducer::arm() {
  for (Bucket& bucket : buckets_) {
    bucket.flat.zero_();
    for (std::size_t k = 0; k < bucket.params.size(); ++k) {
      params_[bucket.params[k]].mutable_grad() = bucket.grads[k];
    }
  }
}

GradientReducer::Outcome GradientReducer::finish(
    const std::map<std::string, torch::Tensor>& losses) {
  Outcome outcome;
  if (buckets_.empty()) return outcome;
  if (static_cast<std::int64_t>(losses.size()) > kMaxLosses) {
    throw Error(ExitCode::internal, "GradientReducer: more than 32 losses in a phase");
  }
  std::int64_t slot = buckets_.back().gradients;
  for (const auto& [name, value] : losses) buckets_.back().flat[slot++].copy_(value.detach());

  const bool staged = comm_.device().type() != buckets_.front().flat.device().type();
  std::vector<torch::Tensor> buffers;
  for (Bucket& bucket : buckets_)
    buffers.push_back(staged ? bucket.flat.to(comm_.device()) : bucket.flat);
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<Work>> works;
  for (torch::Tensor& buffer : buffers) works.push_back(comm_.all_reduce(buffer, ReduceOp::mean));
  for (const auto& work : works) work->wait();
  outcome.wait_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  torch::Tensor largest;
  for (std::size_t b = 0; b < buckets_.size(); ++b) {
    Bucket& bucket = buckets_[b];
    if (staged) bucket.flat.copy_(buffers[b]);
    const torch::Tensor peak = bucket.flat.narrow(0, 0, bucket.gradients).abs().max();
    largest = largest.defined() ? torch::max(largest, peak) : peak;  // max keeps a NaN
  }
  outcome.finite = largest.isfinite().item<bool>();
  const torch::Tensor tail =
      buckets_.back().flat.narrow(0, buckets_.back().gradients, kMaxLosses).cpu();
  slot = 0;
  for (const auto& [name, value] : losses) outcome.mean_losses[name] = tail[slot++].item<double>();
  return outcome;
}

}  // namespace pgan::comm
