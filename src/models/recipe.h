#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

#include "core/noise.h"
#include "core/options.h"
#include "core/types.h"
#include "models/label_sets.h"

namespace pgan::models {

/// One optimizer update inside a step: every `interval` steps, these parameter sets.
struct Phase {
  std::string name;                         ///< keys the phase's noise, names its losses
  std::vector<std::string> parameter_sets;  ///< updated; all other parameters are frozen
  /// Updated in the last of so many rounds; a round is a step of each data set.
  std::int64_t interval = 1;
};

struct LossTerms {
  torch::Tensor total;  ///< scalar, mean over this rank's rows, without what Step::backward() had
  std::map<std::string, torch::Tensor> parts;  ///< scalars to log, likewise means
};

/// The step under way, as a recipe sees it while it computes a loss.
class Step {
 public:
  virtual ~Step() = default;
  /// To be called with a set's name before its parameters are used: an update of it may still be
  /// under way, and is made up for then. The later it is called, the more of the update's reduction
  /// over ranks is hidden. Before loss() returns every set must have been asked for
  /// whose last update was in an earlier phase, used or not.
  virtual void ready(std::string_view set) = 0;
  /// Runs backward of a term of the loss at once, to be left out of LossTerms::total then: before
  /// ready() of another set it gives that set's reduction time. The phase's own sets must be ready.
  virtual void backward(const torch::Tensor& term) = 0;
};

/// Adam's constants for a model (Kingma and Ba 2015, notation of algorithm 1).
struct AdamSettings {
  double beta1 = 0.0, beta2 = 0.99, epsilon = 1e-8;
};

using NamedParameters = std::vector<std::pair<std::string, torch::Tensor>>;

/// How a recipe's samples are laid out as a sheet.
struct SampleLayout {
  std::int64_t columns = 0;           ///< 0: near square
  std::vector<std::string> headings;  ///< above the columns; may be empty
};

/// What tells the labels of pictures, for programs that use a trained model.
class Classifier {
 public:
  virtual ~Classifier() = default;
  virtual const LabelSets& labels() const = 0;
  /// images: [N,3,R,R] in [-1,1]. Returns [N,labels().width()], 0 or 1: what the model takes the
  /// pictures to be, as pictures of one of its data sets. Needs the weights of recogniser().
  virtual torch::Tensor recognised(const torch::Tensor& images, std::int64_t set) = 0;
  /// The parameter set that recognised() works with.
  virtual std::string recogniser() const = 0;
};

/// What changes pictures by labels, and tells them.
class Translator : public Classifier {
 public:
  /// [N,3,R,R] and target labels [N,labels().width()] -> [N,3,R,R] in [-1,1], without gradient.
  virtual torch::Tensor translate(const torch::Tensor& images, const torch::Tensor& labels) = 0;
};

/// One model family: networks, losses, and the order of its updates.
/// Knows nothing of ranks, files or optimizers. Not thread-safe.
class Recipe {
 public:
  virtual ~Recipe() = default;
  /// By name; the names prefix parameters in checkpoints ("G/4.conv.weight").
  virtual std::map<std::string, std::shared_ptr<torch::nn::Module>> networks() = 0;
  /// What optimizers own, by set, about in the order of use in forward: gradients are averaged
  /// from the last on, while backward goes on; what gets none in a phase's last backward (but in
  /// Step::backward) belongs to the front. Default: one set a network, of that network's name,
  /// in the order of registration.
  virtual std::map<std::string, NamedParameters> parameter_sets();
  /// Sets of which an exponential moving average is kept for samples and export, as "<set>_ema".
  virtual std::vector<std::string> averaged_sets() const { return {}; }
  virtual std::vector<Phase> phases() const = 0;
  virtual AdamSettings adam() const { return {}; }
  /// Loss of one phase, on this rank's rows. The trainer freezes what the phase does not update and
  /// runs backward. real: already blended for the growth, on the model's device and dtype.
  virtual LossTerms loss(const Phase& phase, const Batch& real, const Growth& growth, Noise& noise,
                         Step& step) = 0;
  /// At most this many rows share batch statistics and must stay on one rank; 1: none do.
  virtual std::int64_t group_size() const { return 1; }
  /// Adds layers up to a resolution; true if any parameter list changed. Default: fixed-size model.
  virtual bool grow(const Growth&) { return false; }
  /// What pictures are made from, e.g. {"latents": [N,Z]}, N = noise.rows(). A run draws its
  /// previews' inputs once and keeps them in its checkpoints. reals: as many pictures with their
  /// labels, for models that work on some; those of the first data set come first.
  virtual TensorMap sample_inputs(Noise& noise, const Batch& reals) = 0;
  /// [M,3,R,R] in about [-1,1], of such inputs, without gradient. R = growth.resolution. Undefined
  /// for a model that makes no pictures.
  virtual torch::Tensor sample(const TensorMap& inputs, const Growth& growth) = 0;
  virtual SampleLayout sample_layout() const { return {}; }
  /// Measures on held-out pictures, without gradient: [N] values by name, whose means over all such
  /// pictures of a data set are logged (under "<name>_<set>" where there are several sets).
  /// Noise rows are records' numbers. Default: none.
  virtual TensorMap evaluate(const Batch& /*held_out*/, const Growth& /*growth*/,
                             Noise& /*noise*/) {
    return {};
  }
  /// Null: the model does not translate.
  virtual Translator* translator() { return nullptr; }
  /// Null: the model does not tell labels. A translator does.
  virtual Classifier* classifier() { return translator(); }
  /// Lines for the log about what the options and the data came to.
  virtual std::vector<std::string> notes() const { return {}; }
  /// What another program needs to rebuild the networks, as JSON; kept in checkpoints and exports.
  virtual std::string architecture() const = 0;
};

/// What a recipe is told of the run that builds it.
struct ModelContext {
  std::uint64_t seed = 0;
  std::int64_t resolution = 0;  ///< final, pixels a side
  torch::Dtype dtype = torch::kFloat32;
  torch::Device device = torch::kCPU;
  /// Of convolutions and products, where it is not dtype: bfloat16.
  std::optional<torch::Dtype> compute = {};
  std::vector<DataFacts> data = {};  ///< empty: the options say all of the labels
};

/// A named bundle of option values, of any options of pgan-train.
struct Preset {
  std::string_view name;
  std::string_view summary;
  std::vector<std::pair<std::string, std::string>> values;
};

/// The options of one recipe, and the way from them to the recipe.
class RecipeOptions {
 public:
  virtual ~RecipeOptions() = default;
  virtual void visit(OptionVisitor& visitor) = 0;
  /// Throws ConfigError.
  virtual void validate() const = 0;
  virtual std::vector<Preset> presets() const { return {}; }
  /// Values of the programs' options in place of their defaults, e.g. the model's usual minibatch.
  virtual std::map<std::string, std::string> defaults() const { return {}; }
  /// False: of one size, so that the schedule has no growth.
  virtual bool grows() const { return true; }
  virtual std::int64_t most_data_sets() const { return 1; }
  /// Pixels a side where the data has as many and the user says nothing; 0: the data's largest.
  virtual std::int64_t usual_resolution() const { return 0; }
  /// Whether ModelContext::compute is heeded.
  virtual bool computes_bf16() const { return false; }
  /// The preset to take when the user gave neither --preset nor --minibatch. Null: none.
  virtual std::unique_ptr<Preset> default_preset(int /*ranks*/) const { return nullptr; }
  /// Values of the options that make networks of this Recipe::architecture(). Throws ConfigError
  /// for the text of another model. Default: none.
  virtual std::map<std::string, std::string> values_from(
      const std::string& /*architecture*/) const {
    return {};
  }
  virtual std::unique_ptr<Recipe> make(const ModelContext& context) const = 0;
};

struct RecipeEntry {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<RecipeOptions> (*options)();
};
/// The table of all models (recipes.cpp).
std::span<const RecipeEntry> recipes();

/// Throws ConfigError listing the names that exist.
const RecipeEntry& find_recipe(std::string_view name);

}  // namespace pgan::models
