#include "models/classifier.h"

#include <bit>
#include <numbers>

#include <torch/nn/functional/vision.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "models/classifier_network.h"

namespace pgan::models {
namespace {
namespace F = torch::nn::functional;

constexpr double kLargestWeight = 8;
/// Largest shift (of the picture's side), change of size and turn of pictures trained on.
constexpr double kShift = 0.06, kZoom = 0.08, kTurn = 8 * std::numbers::pi / 180;

/// Options of `--model classifier`.
class ClassifierOptions : public RecipeOptions {
 public:
  void visit(OptionVisitor& visitor) override {
    visitor.group("Classifier");
    labels.visit(visitor);
    visitor.field("classifier-width", width, "channels of the first layer, a multiple of 8");
    visitor.field("balanced", balanced,
                  "weight an attribute's two values so that both count the same, however rare");
  }
  void validate() const override {
    if (width >= 8 && width <= 1 << 10 && width % 8 == 0) return;
    throw ConfigError("--classifier-width " + std::to_string(width) +
                      ": expected a multiple of 8 from 8 to 1024");
  }
  std::map<std::string, std::string> defaults() const override {
    return {{"minibatch", "32"},   {"learning-rate", "0.001"}, {"rate-decay", "0.5"},
            {"total-kimg", "100"}, {"ema-kimg", "4"},          {"metrics-kimg", "10"}};
  }
  bool grows() const override { return false; }
  std::int64_t most_data_sets() const override { return 16; }
  std::int64_t usual_resolution() const override { return 128; }
  std::map<std::string, std::string> values_from(const std::string& architecture) const override;
  std::unique_ptr<Recipe> make(const ModelContext& context) const override;

  LabelOptions labels;
  std::int64_t width = 32;
  bool balanced = true;
};

ClassifierShape shape_for(const ClassifierOptions& options, const LabelSets& labels,
                          std::int64_t resolution) {
  if (resolution < 8 || !std::has_single_bit(static_cast<std::uint64_t>(resolution))) {
    throw ConfigError("--resolution " + std::to_string(resolution) +
                      ": the classifier works on 8, 16, 32, … pixels a side");
  }
  return {resolution, labels.count(), options.width};
}

/// Each picture shifted, scaled and turned a little, by draws of its own row.
torch::Tensor moved(const torch::Tensor& images, Noise& noise) {
  const torch::Tensor drawn = noise.uniform({4}) * 2 - 1;
  const torch::Tensor angle = drawn.select(1, 0) * kTurn, size = 1 + drawn.select(1, 1) * kZoom;
  const torch::Tensor cosine = angle.cos() * size, sine = angle.sin() * size;
  const torch::Tensor shift = drawn.slice(1, 2, 4) * (2 * kShift);  // coordinates are -1 to 1
  const torch::Tensor rows =
      torch::stack({cosine, -sine, shift.select(1, 0), sine, cosine, shift.select(1, 1)}, 1);
  const torch::Tensor grid =
      F::affine_grid(rows.view({-1, 2, 3}).to(images.dtype()), images.sizes(), false);
  return F::grid_sample(
      images, grid, F::GridSampleFuncOptions().padding_mode(torch::kBorder).align_corners(false));
}

/// Tells attributes of pictures, each by a logit.
class AttributeClassifier : public Recipe, public Classifier {
 public:
  AttributeClassifier(const ClassifierOptions& options, const ModelContext& context)
      : labels_(options.labels, context.data),
        shape_(shape_for(options, labels_, context.resolution)),
        weights_(options.balanced ? balancing_weights(labels_) : torch::Tensor()),
        network_(std::make_shared<ClassifierNetwork>(
            shape_, nn::Init{context.seed, context.dtype, context.device})) {}

  std::map<std::string, std::shared_ptr<torch::nn::Module>> networks() override {
    return {{"C", network_}};
  }
  std::vector<std::string> averaged_sets() const override { return {"C"}; }
  std::vector<Phase> phases() const override { return {{"C", {"C"}}}; }
  AdamSettings adam() const override { return {0.9, 0.999, 1e-8}; }
  LossTerms loss(const Phase&, const Batch& real, const Growth&, Noise& noise,
                 Step& step) override {
    const torch::Tensor own = labels_.select(real.labels, real.set);
    const torch::Tensor images = moved(real.data.at("images"), noise);
    step.ready("C");
    const torch::Tensor logits = network_->forward(images);
    const torch::Tensor total = labels_.loss(logits, own, real.set, weights_);
    const torch::Tensor found = labels_.decide(logits.detach(), real.set);
    return {total, {{"loss_c", total}, {"label_error", wrong(found, own, real.set).mean()}}};
  }
  TensorMap sample_inputs(Noise&, const Batch&) override { return {}; }
  torch::Tensor sample(const TensorMap&, const Growth&) override { return {}; }
  TensorMap evaluate(const Batch& held_out, const Growth& growth, Noise& noise) override;
  std::string architecture() const override {
    return nlohmann::ordered_json{{"model", "classifier"},
                                  {"classifier_width", shape_.width},
                                  {"labels", nlohmann::ordered_json::parse(labels_.json())}}
        .dump();
  }
  std::vector<std::string> notes() const override { return labels_.notes(); }

  Classifier* classifier() override { return this; }
  const LabelSets& labels() const override { return labels_; }
  std::string recogniser() const override { return "C"; }
  torch::Tensor recognised(const torch::Tensor& images, std::int64_t set) override {
    const torch::NoGradGuard no_grad;
    return labels_.decide(network_->forward(images), set);
  }

 private:
  /// [N, attributes of the set], 1 where it was not found right.
  torch::Tensor wrong(const torch::Tensor& found, const torch::Tensor& own,
                      std::int64_t set) const {
    const torch::Tensor columns = torch::tensor(labels_.columns_of(set), own.device());
    return (found != own).index_select(1, columns).to(torch::kFloat32);
  }

  LabelSets labels_;
  ClassifierShape shape_;
  torch::Tensor weights_;
  std::shared_ptr<ClassifierNetwork> network_;
};

TensorMap AttributeClassifier::evaluate(const Batch& held_out, const Growth&, Noise&) {
  const std::int64_t set = held_out.set;
  const torch::Tensor own = labels_.select(held_out.labels, set);
  const torch::Tensor error = wrong(recognised(held_out.data.at("images"), set), own, set);
  TensorMap measures{{"held_out_label_error", error.mean(1)}};
  const std::vector<std::int64_t> columns = labels_.columns_of(set);
  for (std::int64_t i = 0; i < std::ssize(columns); ++i) {
    const std::int64_t column = columns[static_cast<std::size_t>(i)];
    measures["held_out_error_" + labels_.names()[static_cast<std::size_t>(column)]] =
        error.select(1, i);
  }
  return measures;
}

std::map<std::string, std::string> ClassifierOptions::values_from(
    const std::string& architecture) const {
  const auto json = nlohmann::json::parse(architecture, nullptr, false);
  try {
    if (const std::string model = json.at("model"); model != "classifier")
      throw ConfigError("networks of the model " + model + ", expected classifier");
    auto values = LabelSets::values_from(json.at("labels").dump());
    values["classifier-width"] = std::to_string(json.at("classifier_width").get<std::int64_t>());
    return values;
  } catch (const nlohmann::json::exception&) {
    throw ConfigError(
        "an architecture that cannot be read: expected JSON with model, classifier_width and "
        "labels");
  }
}

std::unique_ptr<Recipe> ClassifierOptions::make(const ModelContext& context) const {
  return std::make_unique<AttributeClassifier>(*this, context);
}

}  // namespace

torch::Tensor balancing_weights(const LabelSets& labels) {
  const torch::Tensor share = torch::tensor(labels.shares(), torch::kFloat64);
  return (0.5 / torch::stack({1 - share, share})).clamp_max(kLargestWeight).to(torch::kFloat32);
}

std::unique_ptr<RecipeOptions> classifier_options() {
  return std::make_unique<ClassifierOptions>();
}

}  // namespace pgan::models
