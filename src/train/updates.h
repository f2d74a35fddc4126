#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "comm/communicator.h"
#include "comm/gradient_reducer.h"
#include "core/types.h"
#include "models/recipe.h"
#include "train/adam.h"
#include "train/ema.h"
#include "train/timeline.h"

namespace pgan::train {

/// The updates of all parameter sets: freezing, backward, averaging over ranks, Adam, EMA.
///
/// A phase's backward ends with its reduction under way. The update itself is made up for when one
/// of the phase's sets is next needed, so that the reduction hides behind what lies between: D's
/// behind the generator's next forward, G's behind the critic's pass over the reals. The
/// mathematics is that of updating at once. Everything here happens in the same order on every
/// rank.
class Updates {
 public:
  struct When {
    std::int64_t step = 0;
    double learning_rate = 0;
  };
  /// An update made or, when a gradient was not finite, skipped (on every rank alike).
  struct Settled {
    std::string phase;
    std::int64_t step = 0;
    bool finite = true;
    std::map<std::string, double> losses;  ///< means over ranks
  };
  struct Hooks {
    std::function<void()> before_change;  ///< of weights, moments or averages
    std::function<void(const Settled&)> settled;
  };

  /// ema_images: half-life of the averages; 0: none are kept. All references must outlive it.
  Updates(comm::Communicator& device, comm::ReducerOptions reducer, double ema_images,
          Timeline& timeline, Hooks hooks);

  /// New reducers and optimizers for the recipe's present parameters; averages are kept, and begin
  /// as copies for new parameters. Nothing may be under way.
  void rebuild(models::Recipe& recipe);

  /// Freezes all that the phase does not update. phase must live until backward().
  void begin(const models::Phase& phase);
  /// Of a term of the begun phase's loss. Throws Error when a set of the phase has an update under
  /// way: the recipe forgot to ask.
  void backward_early(const torch::Tensor& term);
  /// Of the rest, and the reduction of all. Collective, without waiting. Throws Error when any set
  /// has an update under way still.
  void backward(const models::LossTerms& loss, When when);
  /// Makes up for the updates of a set that are under way. Throws CommError, and what
  /// hooks.settled throws.
  void need(std::string_view set);
  /// The same for all sets.
  void settle();
  /// After the step's phases: the averages follow, now or with the updates under way.
  void end_step(std::int64_t images);

  /// Weights, moments and averages by checkpoint name: the tensors themselves.
  void add_state(TensorMap& state) const;
  std::map<std::string, Ema>& averages() { return averages_; }

 private:
  struct Set {
    std::unique_ptr<comm::GradientReducer> reducer;
    std::unique_ptr<Adam> adam;
    models::NamedParameters parameters;
  };
  struct Pending {
    models::Phase phase;
    When when;
    std::map<std::string, std::int64_t> averages;  // set -> images by which its average follows
  };

  bool is_pending(std::string_view set) const;
  void zero_gradients();
  void settle_first();
  Settled reduce(const Pending& pending);

  comm::Communicator& device_;
  comm::ReducerOptions reducer_;
  double ema_images_;
  Timeline& timeline_;
  Hooks hooks_;
  std::map<std::string, Set> sets_;
  std::map<std::string, Ema> averages_;
  const models::Phase* phase_ = nullptr;  // begun
  bool zeroed_ = false;                   // its gradients
  std::deque<Pending> pending_;
};

}  // namespace pgan::train
