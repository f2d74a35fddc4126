#include "comm/gradient_reducer.h"

#include <algorithm>
#include <utility>

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace pgan::comm {
namespace {

constexpr std::int64_t kMostLosses = 32;
constexpr std::int64_t kFirstBucketBytes = 1 << 20;

/// The parameter's layout; its elements fill a dense block (contiguous, channels-last).
torch::Tensor view_like(const torch::Tensor& flat, std::int64_t offset,
                        const torch::Tensor& param) {
  const torch::Tensor piece = flat.narrow(0, offset, param.numel());
  if (param.is_non_overlapping_and_dense()) {
    return piece.as_strided(param.sizes(), param.strides(), piece.storage_offset());
  }
  return piece.view(param.sizes());
}

}  // namespace

/// Fires after a leaf's gradient was accumulated: Tensor::register_hook would fire before, and on
/// autograd::grad too.
class GradientReducer::Hook : public torch::autograd::PostAccumulateGradHook {
 public:
  Hook(GradientReducer& reducer, std::size_t bucket) : reducer_(reducer), bucket_(bucket) {}
  void operator()(const torch::autograd::Variable&) override { reducer_.fill_in(bucket_); }

 private:
  GradientReducer& reducer_;
  std::size_t bucket_;
};

void ReducerOptions::visit(OptionVisitor& visitor) {
  visitor.group("Ranks");
  visitor.field("bucket-mib", bucket_mib, "MiB of gradients averaged in one collective");
  visitor.field("bucket-dtype", bucket_dtype,
                "how gradients travel: exact (in their own precision) or bf16 (half the bytes of "
                "fp32, rounded)");
  visitor.field("hierarchical", hierarchical,
                "average within each host first, then between hosts: for several ranks a host over "
                "a slow link (docs/scaling.md)");
}

void ReducerOptions::validate() const {
  if (bucket_mib < 1 || bucket_mib > 1024) {
    throw ConfigError("--bucket-mib " + std::to_string(bucket_mib) + ": expected 1 to 1024");
  }
  if (bucket_dtype != "exact" && bucket_dtype != "bf16") {
    throw ConfigError("--bucket-dtype " + bucket_dtype + ": expected exact or bf16");
  }
}

GradientReducer::GradientReducer(Communicator& comm, std::string name,
                                 std::vector<torch::Tensor> params, const ReducerOptions& options)
    : comm_(comm),
      name_(std::move(name)),
      params_(std::move(params)),
      compressed_(options.bucket_dtype == "bf16" && comm.size() > 1) {
  std::int64_t limit = std::min(kFirstBucketBytes, options.bucket_mib << 20), bytes = limit;
  for (std::size_t i = params_.size(); i-- > 0;) {
    const torch::Tensor& param = params_[i];
    const auto own = static_cast<std::int64_t>(param.nbytes());
    if (buckets_.empty() || (bytes + own > limit && bytes > 0)) {
      if (!buckets_.empty()) limit = options.bucket_mib << 20;
      buckets_.emplace_back(), bytes = 0;
    }
    buckets_.back().params.push_back(i);
    buckets_.back().gradients += param.numel();
    bytes += own;
  }
  for (std::size_t b = 0; b < buckets_.size(); ++b) {
    Bucket& bucket = buckets_[b];
    const bool with_losses = b + 1 == buckets_.size() && !compressed_;
    const auto like = params_[bucket.params.front()].options().requires_grad(false);
    bucket.flat = torch::zeros({bucket.gradients + (with_losses ? kMostLosses : 0)}, like);
    bucket.sent = compressed_ ? torch::empty_like(bucket.flat, torch::kBFloat16) : bucket.flat;
    std::int64_t offset = 0;
    for (const std::size_t i : bucket.params) {
      bucket.grads.push_back(view_like(bucket.flat, offset, params_[i]));
      offset += params_[i].numel();
      torch::autograd::impl::set_post_acc_grad_hooks(params_[i], std::make_unique<Hook>(*this, b));
    }
  }
  if (buckets_.empty()) return;
  const Bucket& last = buckets_.back();
  losses_ = compressed_ ? torch::zeros({kMostLosses}, last.flat.options())
                        : last.flat.narrow(0, last.gradients, kMostLosses);
}

GradientReducer::~GradientReducer() {
  for (const torch::Tensor& param : params_) {
    torch::autograd::impl::set_post_acc_grad_hooks(param, nullptr);
  }
}

void GradientReducer::begin() {
  next_ = 0;
  armed_ = false;
  for (Bucket& bucket : buckets_) {
    bucket.flat.zero_();
    bucket.missing = bucket.params.size();
    for (std::size_t k = 0; k < bucket.params.size(); ++k) {
      params_[bucket.params[k]].mutable_grad() = bucket.grads[k];
    }
  }
}

void GradientReducer::arm(const std::map<std::string, torch::Tensor>& losses) {
  if (static_cast<std::int64_t>(losses.size()) > kMostLosses) {
    throw Error(ExitCode::internal, "GradientReducer: more than 32 losses in a phase");
  }
  loss_names_.clear();
  for (const auto& [name, value] : losses) {
    losses_[static_cast<std::int64_t>(loss_names_.size())].copy_(value.detach());
    loss_names_.push_back(name);
  }
  armed_ = true;
}

void GradientReducer::fill_in(std::size_t bucket) {
  if (!armed_) return;
  --buckets_[bucket].missing;
  post_complete();
}

void GradientReducer::post_complete() {
  while (next_ < buckets_.size() && buckets_[next_].missing == 0) post(buckets_[next_++]);
}

void GradientReducer::post(Bucket& bucket) {
  if (compressed_) bucket.sent.copy_(bucket.flat);
  bucket.work = comm_.all_reduce(bucket.sent, ReduceOp::mean,
                                 "gradients of " + name_ + ", bucket " + std::to_string(next_) +
                                     " of " + std::to_string(buckets_.size()));
}

void GradientReducer::flush() {
  armed_ = false;
  for (Bucket& bucket : buckets_) bucket.missing = 0;
  post_complete();
  if (compressed_) {
    losses_work_ = comm_.all_reduce(losses_, ReduceOp::mean, "losses of " + name_);
  }
}

GradientReducer::Outcome GradientReducer::finish() {
  Outcome outcome;
  if (buckets_.empty()) return outcome;
  const torch::NoGradGuard no_grad;
  torch::Tensor largest;
  for (Bucket& bucket : buckets_) {
    bucket.work->wait();
    outcome.calls.push_back(bucket.work->times());
    if (compressed_) bucket.flat.copy_(bucket.sent);
    const auto [least, most] = torch::aminmax(bucket.flat.narrow(0, 0, bucket.gradients));
    const torch::Tensor peak = torch::max(-least, most);  // keeps a NaN
    largest = largest.defined() ? torch::max(largest, peak) : peak;
  }
  if (losses_work_) losses_work_->wait();
  outcome.finite = largest.isfinite().item<bool>();
  const torch::Tensor means = losses_.to(torch::kCPU, torch::kFloat64);
  // On a GPU the first wait only ordered the streams, and the host was held up by item(): a
  // collective that was aborted meanwhile must not pass for one that ended.
  for (Bucket& bucket : buckets_) bucket.work->wait(), bucket.work.reset();
  if (losses_work_) losses_work_->wait(), losses_work_.reset();
  for (std::size_t i = 0; i < loss_names_.size(); ++i) {
    outcome.mean_losses[loss_names_[i]] = means[static_cast<std::int64_t>(i)].item<double>();
  }
  return outcome;
}

}  // namespace pgan::comm
