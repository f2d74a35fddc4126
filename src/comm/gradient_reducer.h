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
  std::int64_t bucket_mib = 25;
  void visit(OptionVisitor& visitor);
  void validate() const;
};

/// Averages one parameter set's gradients over ranks, in buckets that .grad are views of.
///
/// One reducer a parameter set: in a GAN each network's backward passes through the other one,
/// whose gradients must not be counted. The order of buckets is static (parameters in reverse), so
/// every rank issues the same collectives. Use, once a phase, from one thread:
///
///     reducer.arm();            // gradients are zero, .grad point into the buckets
///     loss.backward();
///     reducer.finish(losses);   // collective; .grad hold the mean over ranks
class GradientReducer {
 public:
  /// params: leaf tensors on comm.device() or, for a host communicator, on any device; the same
  /// list on every rank. Keeps references to comm and the tensors.
  GradientReducer(Communicator& comm, std::vector<torch::Tensor> params, ReducerOptions options);

  void arm();

  struct Outcome {
    bool finite = true;  ///< every reduced gradient is finite; the same on every rank
    std::map<std::string, double> mean_losses;  ///< over ranks
    double wait_seconds = 0;                    ///< this thread blocked on the collectives
  };
  /// Collective. losses: scalars that ride in the last bucket; same names on every rank.
  /// Throws CommError.
  Outcome finish(const std::map<std::string, torch::Tensor>& losses);

 private:
  struct Bucket {
    torch::Tensor flat;                ///< 1-D, the parameters' dtype; the last has room for losses
    std::vector<torch::Tensor> grads;  ///< views of flat with each parameter's sizes and strides
    std::vector<std::size_t> params;   ///< indices into params_
    std::int64_t gradients = 0;        ///< elements of flat that are gradients
  };

  Communicator& comm_;
  std::vector<torch::Tensor> params_;
  std::vector<Bucket> buckets_;
};

}  // namespace pgan::comm
