#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "comm/communicator.h"
#include "core/options.h"

namespace pgan::comm {

struct ReducerOptions {
  std::int64_t bucket_mib = 4;
  std::string bucket_dtype = "exact";
  bool hierarchical = false;  ///< see Communicator::set_hierarchical
  void visit(OptionVisitor& visitor);
  void validate() const;  ///< throws ConfigError
};

/// Averages one parameter set's gradients over ranks while backward still runs.
///
/// One reducer a parameter set: in a GAN each network's backward passes through the other one,
/// whose gradients must not be counted. `.grad` are views of buckets, in the parameters' strides,
/// so nothing is copied in or out. The buckets' order is static (parameters in reverse, the first
/// bucket of about 1 MiB), and a bucket is posted when it and all before it are complete, so every
/// rank issues the same collectives. Parameters without gradient count as zero. Once a phase, from
/// one thread:
///
///     reducer.begin();          // gradients are zero
///     ...                       // any number of backward passes, e.g. of micro-batches
///     reducer.arm(losses);      // the next backward is the phase's last
///     loss.backward();          // posts buckets as they fill
///     reducer.flush();          // posts the rest
///     ...                       // anything that needs neither gradients nor new weights
///     reducer.finish();         // .grad hold the mean over ranks
class GradientReducer {
 public:
  /// params: leaf tensors on comm.device(), dense, of one dtype; the same list on every rank.
  /// Keeps references to comm and the tensors. name: of the set, for messages.
  GradientReducer(Communicator& comm, std::string name, std::vector<torch::Tensor> params,
                  const ReducerOptions& options);
  /// Collectives under way are left to end by themselves.
  ~GradientReducer();

  void begin();
  /// losses: scalars that ride along in the last bucket; the same names on every rank, 32 at most.
  void arm(const std::map<std::string, torch::Tensor>& losses);
  /// Collective (without waiting).
  void flush();

  struct Outcome {
    bool finite = true;  ///< every reduced gradient is finite; the same on every rank
    std::map<std::string, double> mean_losses;  ///< over ranks
    std::vector<CallTimes> calls;               ///< of the buckets, in order
  };
  /// Throws CommError.
  Outcome finish();

 private:
  class Hook;
  struct Bucket {
    torch::Tensor flat;                ///< 1-D, the parameters' dtype; the last has room for losses
    torch::Tensor sent;                ///< what travels: flat, or a bfloat16 copy
    std::vector<torch::Tensor> grads;  ///< views of flat with each parameter's sizes and strides
    std::vector<std::size_t> params;   ///< indices into params_
    std::int64_t gradients = 0;        ///< elements of flat that are gradients
    std::size_t missing = 0;           ///< gradients not in yet
    std::unique_ptr<Work> work;
  };

  void fill_in(std::size_t bucket);
  void post_complete();
  void post(Bucket& bucket);

  Communicator& comm_;
  std::string name_;
  std::vector<torch::Tensor> params_;
  std::vector<Bucket> buckets_;
  bool compressed_ = false;
  torch::Tensor losses_;  // their own buffer when gradients travel as bfloat16
  std::unique_ptr<Work> losses_work_;
  std::vector<std::string> loss_names_;
  std::size_t next_ = 0;  // bucket to be posted
  bool armed_ = false;
};

}  // namespace pgan::comm
