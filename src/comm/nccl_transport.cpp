#include "comm/nccl_transport.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>

#include "comm/agree.h"
#include "comm/makers.h"
#include "comm/nccl_link.h"
#include "core/launcher.h"
#include "core/log.h"

namespace pgan::comm {
namespace {

constexpr int kFirstWithSharedGpus = 23000;  // NCCL 2.30
constexpr const char* kShareVariable = "NCCL_MULTI_RANK_GPU_ENABLE";

int nccl_type(torch::Dtype dtype) {
  switch (dtype) {
    case torch::kFloat32:
      return NcclApi::kFloat32;
    case torch::kFloat64:
      return NcclApi::kFloat64;
    case torch::kInt32:
      return NcclApi::kInt32;
    case torch::kInt64:
      return NcclApi::kInt64;
    case torch::kBFloat16:
      return NcclApi::kBfloat16;
    default:
      return NcclApi::kUint8;  // the front functions let nothing else through
  }
}

int nccl_op(ReduceOp op) {
  switch (op) {
    case ReduceOp::min:
      return NcclApi::kMin;
    case ReduceOp::max:
      return NcclApi::kMax;
    case ReduceOp::mean:
      return NcclApi::kAverage;
    default:
      return NcclApi::kSum;
  }
}

class NcclWork : public Work {
 public:
  NcclWork(NcclLink& link, std::shared_ptr<NcclLink::Collective> collective)
      : link_(link), collective_(std::move(collective)) {}
  void wait() override { link_.wait(*collective_); }

 private:
  NcclLink& link_;
  std::shared_ptr<NcclLink::Collective> collective_;
};

class NcclCommunicator : public Communicator {
 public:
  NcclCommunicator(const NcclParts& parts, const NcclApi::Id& id, Communicator& host)
      : api_(parts.api),
        device_(parts.queue->device()),
        host_(host),
        link_(parts.api, parts.queue, id,
              {.rank = host.rank(),
               .size = host.size(),
               .timeout_seconds = parts.timeout_seconds,
               .grace_seconds = parts.grace_seconds},
              {.where = "rank " + std::to_string(host.rank()) + " on " + host_name(),
               .last_resort = [&host](const std::string& reason) {
                 log_error(reason);
                 host.abort(ExitCode::comm);
               }}) {
    set_timeout(parts.timeout_seconds);
  }

  std::string_view name() const override { return "nccl"; }
  int rank() const override { return host_.rank(); }
  int size() const override { return host_.size(); }
  int local_rank() const override { return host_.local_rank(); }
  int local_size() const override { return host_.local_size(); }
  torch::Device device() const override { return device_; }

  void barrier() override {
    set_operation("barrier");
    torch::Tensor one = torch::zeros({1}, torch::TensorOptions(torch::kFloat32).device(device_));
    link_.wait_on_host(*reduce(one, ReduceOp::sum));
  }

  [[noreturn]] void abort(ExitCode code) noexcept override {
    host_.abort(code);
    _exit(static_cast<int>(code));  // for the compiler: the line above does not return
  }

 private:
  std::shared_ptr<NcclLink::Collective> reduce(const torch::Tensor& buffer, ReduceOp op) {
    return link_.issue(call(), timeout_seconds(), {buffer}, [&](NcclApi::Comm comm, void* stream) {
      return api_.all_reduce(buffer.const_data_ptr(), buffer.mutable_data_ptr(),
                             static_cast<std::size_t>(buffer.numel()),
                             nccl_type(buffer.scalar_type()), nccl_op(op), comm, stream);
    });
  }

  std::unique_ptr<Work> do_all_reduce(torch::Tensor& buffer, ReduceOp op) override {
    return std::make_unique<NcclWork>(link_, reduce(buffer, op));
  }

  std::unique_ptr<Work> do_broadcast(torch::Tensor& buffer, int root) override {
    const auto enqueue = [&](NcclApi::Comm comm, void* stream) {
      return api_.broadcast(buffer.const_data_ptr(), buffer.mutable_data_ptr(),
                            static_cast<std::size_t>(buffer.numel()),
                            nccl_type(buffer.scalar_type()), root, comm, stream);
    };
    return std::make_unique<NcclWork>(link_,
                                      link_.issue(call(), timeout_seconds(), {buffer}, enqueue));
  }

  std::unique_ptr<Work> do_all_gather(const torch::Tensor& part, torch::Tensor& whole) override {
    const auto enqueue = [&](NcclApi::Comm comm, void* stream) {
      return api_.all_gather(part.const_data_ptr(), whole.mutable_data_ptr(),
                             static_cast<std::size_t>(part.numel()), nccl_type(part.scalar_type()),
                             comm, stream);
    };
    return std::make_unique<NcclWork>(
        link_, link_.issue(call(), timeout_seconds(), {part, whole}, enqueue));
  }

  NcclApi api_;
  torch::Device device_;
  Communicator& host_;
  NcclLink link_;
};

bool shares_allowed(int version) {
  const char* value = std::getenv(kShareVariable);
  return version >= kFirstWithSharedGpus && value != nullptr && std::strcmp(value, "1") == 0;
}

std::string remedy(int version) {
  std::string text =
      "start at most as many ranks on a host as it has GPUs (mpirun --map-by ppr:N:node), or use "
      "--device cpu";
  if (version >= kFirstWithSharedGpus) text += std::string(", or set ") + kShareVariable + "=1";
  return text;
}

/// Throws, on all ranks alike, when NCCL would not work between them.
void check_ranks(int version, const DeviceQueue& queue, Communicator& host) {
  const std::string loaded = nccl_version_text(version);
  const auto versions = gather_text(host, loaded);
  const auto hosts = gather_text(host, host_name());
  const auto gpus = gather_text(host, queue.identity());
  const auto allowed = gather_text(host, shares_allowed(version) ? "yes" : "no");
  std::map<std::string, std::size_t> first;  // rank by host and GPU
  for (std::size_t rank = 0; rank < gpus.size(); ++rank) {
    if (versions[rank] != versions[0]) {
      throw AgreedError(ExitCode::usage, "rank 0 on " + hosts[0] + " has NCCL " + versions[0] +
                                             ", rank " + std::to_string(rank) + " on " +
                                             hosts[rank] + " has " + versions[rank] +
                                             ": install the same one on all hosts");
    }
    const auto [there, added] = first.emplace(hosts[rank] + " " + gpus[rank], rank);
    if (added || allowed[rank] == "yes") continue;
    throw AgreedError(
        ExitCode::usage,
        "ranks " + std::to_string(there->second) + " and " + std::to_string(rank) + " on " +
            hosts[rank] + " would share one GPU (" + gpus[rank] + "), which NCCL " + loaded +
            (version < kFirstWithSharedGpus ? " cannot: " : " does only when told: ") +
            remedy(version));
  }
}

}  // namespace

std::unique_ptr<Communicator> make_nccl(const NcclParts& parts, Communicator& host) {
  int version = 0;
  NcclApi::Id id{};
  agree(host, [&] {
    check_nccl_version(parts.api);
    version = parts.api.version();
  });
  check_ranks(version, *parts.queue, host);
  agree(host, [&] {
    if (host.rank() != 0) return;
    const int result = parts.api.get_unique_id(&id);
    if (result != NcclApi::kSuccess)
      throw CommError("ncclGetUniqueId: " + parts.api.describe(result, nullptr));
  });
  const std::string bytes = broadcast_text(host, {id.bytes, sizeof(id.bytes)});
  std::memcpy(id.bytes, bytes.data(), sizeof(id.bytes));
  host.barrier();  // else a fast rank may look for rank 0 before it listens
  if (version != compiled_nccl_version() && host.rank() == 0) {
    log_info("NCCL " + nccl_version_text(version) + ", newer than the " +
             nccl_version_text(compiled_nccl_version()) + " compiled for");
  }
  auto communicator = std::make_unique<NcclCommunicator>(parts, id, host);
  communicator->barrier();  // connections are made by the first collective: now, not in a step
  return communicator;
}

std::unique_ptr<Communicator> make_nccl(torch::Device device, Communicator* host,
                                        double timeout_seconds) {
  if (host == nullptr || !device.is_cuda()) {
    throw Error(ExitCode::internal, "transport nccl needs GPUs and a transport of the host");
  }
  NcclParts parts;
  parts.timeout_seconds = timeout_seconds;
  agree(*host, [&] {
    parts.api = find_nccl();
    if (parts.api.get_version == nullptr) {
      throw ConfigError(
          "LibTorch's CUDA part brought no NCCL (libnccl.so.2): install LibTorch's own packages "
          "(launch/install.sh), or use --device cpu");
    }
    parts.queue = make_cuda_queue(device);
    parts.queue->enter();
  });
  return make_nccl(parts, *host);
}

}  // namespace pgan::comm
