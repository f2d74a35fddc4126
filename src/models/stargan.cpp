#include "models/stargan.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "models/stargan_networks.h"
#include "models/wasserstein.h"

namespace pgan::models {
namespace {

constexpr std::int64_t kMostPreviews = 12, kMostChannels = 1 << 13, kLargest = 1024;

/// Options of `--model stargan`; defaults are the published ones.
class StarganOptions : public RecipeOptions {
 public:
  void visit(OptionVisitor& visitor) override {
    visitor.group("StarGAN");
    labels.visit(visitor);
    visitor.field("n-critic", n_critic, "updates of D for each of G");
    visitor.field("cls-weight", cls_weight, "weight of the classification loss");
    visitor.field("rec-weight", rec_weight, "weight of the reconstruction loss");
    visitor.field("gp-weight", gp_weight, "weight of the gradient penalty");
    visitor.field("generator-width", shape.generator_width, "channels of G's first layer");
    visitor.field("discriminator-width", shape.discriminator_width, "channels of D's first layer");
    visitor.field("residual-blocks", shape.residual_blocks, "residual blocks of G");
    visitor.field("discriminator-layers", shape.discriminator_layers,
                  "layers of D, each of which halves the picture");
  }
  void validate() const override;
  std::vector<Preset> presets() const override;
  std::map<std::string, std::string> defaults() const override {
    return {{"minibatch", "16"},    {"learning-rate", "0.0001"}, {"rate-decay", "0.5"},
            {"total-kimg", "3200"}, {"ema-kimg", "0"},           {"metrics-kimg", "20"},
            {"snapshot-kimg", "20"}};
  }
  bool grows() const override { return false; }
  std::int64_t most_data_sets() const override { return 16; }
  std::int64_t usual_resolution() const override { return 128; }
  bool computes_bf16() const override { return true; }
  std::map<std::string, std::string> values_from(const std::string& architecture) const override;
  std::unique_ptr<Recipe> make(const ModelContext& context) const override;

  LabelOptions labels;
  StarganShape shape;
  std::int64_t n_critic = 5;
  double cls_weight = 1, rec_weight = 10, gp_weight = 10;
};

StarganShape shape_for(StarganShape shape, const LabelSets& labels, std::int64_t resolution) {
  if (resolution > kLargest)
    throw ConfigError("StarGAN at " + std::to_string(resolution) + " pixels: expected " +
                      std::to_string(kLargest) + " at most");
  shape.resolution = resolution;
  shape.labels = labels.width();
  shape.head_labels = labels.count();
  return shape;
}

/// StarGAN: translates pictures to the labels they are given; D also tells labels.
class Stargan : public Recipe, public Translator {
 public:
  Stargan(const StarganOptions& options, const ModelContext& context)
      : options_(options),
        labels_(options.labels, context.data),
        bf16_in_vain_(context.compute && !nn::gains_from_bfloat16(context.device)),
        shape_(shape_for(options.shape, labels_, context.resolution)),
        generator_(std::make_shared<StarganGenerator>(shape_, init(context))),
        discriminator_(std::make_shared<StarganDiscriminator>(shape_, init(context))) {}

  std::map<std::string, std::shared_ptr<torch::nn::Module>> networks() override {
    return {{"D", discriminator_}, {"G", generator_}};
  }
  std::vector<std::string> averaged_sets() const override { return {"G"}; }
  std::vector<Phase> phases() const override {
    return {{"D", {"D"}}, {"G", {"G"}, options_.n_critic}};
  }
  AdamSettings adam() const override { return {0.5, 0.999, 1e-8}; }
  std::map<std::string, NamedParameters> parameter_sets() override;
  LossTerms loss(const Phase& phase, const Batch& real, const Growth&, Noise& noise,
                 Step& step) override {
    const torch::Tensor wanted = permuted_labels(real, noise);
    return phase.name == "D" ? critic_terms(real, wanted, noise, step)
                             : generator_terms(real, wanted, step);
  }
  TensorMap sample_inputs(Noise& noise, const Batch& reals) override;
  torch::Tensor sample(const TensorMap& inputs, const Growth& growth) override;
  SampleLayout sample_layout() const override;
  TensorMap evaluate(const Batch& held_out, const Growth& growth, Noise& noise) override;
  std::string architecture() const override;
  std::vector<std::string> notes() const override;

  Translator* translator() override { return this; }
  const LabelSets& labels() const override { return labels_; }
  std::string recogniser() const override { return "D"; }
  torch::Tensor recognised(const torch::Tensor& images, std::int64_t set) override {
    const torch::NoGradGuard no_grad;
    return labels_.decide(discriminator_->forward(images).labels, set);
  }
  torch::Tensor translate(const torch::Tensor& images, const torch::Tensor& wanted) override {
    const torch::NoGradGuard no_grad;
    return generator_->forward(images, wanted);
  }

 private:
  static nn::Init init(const ModelContext& context) {
    const bool gains = nn::gains_from_bfloat16(context.device);
    return {context.seed, context.dtype, context.device, gains ? context.compute : std::nullopt};
  }
  torch::Tensor permuted_labels(const Batch& real, Noise& noise) const;
  LossTerms critic_terms(const Batch& real, const torch::Tensor& wanted, Noise& noise, Step& step);
  LossTerms generator_terms(const Batch& real, const torch::Tensor& wanted, Step& step);
  torch::Tensor one_flipped(const torch::Tensor& own, std::int64_t set, Noise& noise) const;

  StarganOptions options_;
  LabelSets labels_;
  bool bf16_in_vain_;
  StarganShape shape_;
  std::shared_ptr<StarganGenerator> generator_;
  std::shared_ptr<StarganDiscriminator> discriminator_;
};

std::vector<std::string> Stargan::notes() const {
  std::vector<std::string> notes = labels_.notes();
  if (bf16_in_vain_)
    notes.push_back(
        "bf16: this CPU has no instructions for it; computing in float32, which is faster");
  return notes;
}

/// D's label head first: all its gradient comes with the real terms' backward, and what waits for
/// its reduction would wait until the end of the other, were it among the last.
std::map<std::string, NamedParameters> Stargan::parameter_sets() {
  auto sets = Recipe::parameter_sets();
  std::ranges::stable_partition(
      sets.at("D"), [](const auto& parameter) { return parameter.first.starts_with("conv2."); });
  return sets;
}

/// Targets: the labels of the whole minibatch, in another order (section 4.1).
torch::Tensor Stargan::permuted_labels(const Batch& real, Noise& noise) const {
  const torch::Tensor order = noise.permutation().cpu();
  const torch::Tensor drawn = order.index_select(0, torch::tensor(real.rows.rows, torch::kInt64));
  return labels_.select(real.global_labels.index_select(0, drawn.to(real.global_labels.device())),
                        real.set);
}

/// Equation 5: −D(x) + D(G(x,c')) + gradient penalty + λ_cls · cls(x,c).
LossTerms Stargan::critic_terms(const Batch& real, const torch::Tensor& wanted, Noise& noise,
                                Step& step) {
  const torch::Tensor& images = real.data.at("images");
  const torch::Tensor own = labels_.select(real.labels, real.set);
  torch::Tensor head;  // of the real pictures, which come first
  const auto critic = [&](const torch::Tensor& pictures) {
    step.ready("D");
    StarganDiscriminator::Output out = discriminator_->forward(pictures);
    if (!head.defined()) head = out.labels;
    return out.patches;
  };
  // First: most updates of D follow one of D, whose reduction then hides behind G's pass.
  step.ready("G");
  const torch::Tensor fake = translate(images, wanted);
  torch::Tensor classification;
  const auto on_real_terms = [&](const torch::Tensor& terms) {
    classification = labels_.loss(head, own, real.set);
    step.backward(terms + options_.cls_weight * classification);
    classification = classification.detach();
  };
  const torch::Tensor mix = noise.uniform({1, 1, 1});
  const WassersteinSettings settings{options_.gp_weight, 1.0, 0.0};
  const CriticLoss loss = critic_loss(
      critic, images, [&] { return fake; }, mix, settings, on_real_terms);
  return {loss.rest,
          {{"loss_d", loss.total + options_.cls_weight * classification},
           {"d_real", loss.real.mean()},
           {"d_fake", loss.fake.mean()},
           {"gradient_norm", loss.gradient_norm.mean()},
           {"label_loss_real", classification}}};
}

/// Equation 6: −D(G(x,c')) + λ_cls · cls(G(x,c'),c') + λ_rec · |x − G(G(x,c'),c)|.
LossTerms Stargan::generator_terms(const Batch& real, const torch::Tensor& wanted, Step& step) {
  const torch::Tensor& images = real.data.at("images");
  step.ready("G");
  const torch::Tensor fake = generator_->forward(images, wanted);
  const torch::Tensor back = generator_->forward(fake, labels_.select(real.labels, real.set));
  const torch::Tensor reconstruction = (images - back).abs().mean();
  step.ready("D");
  const StarganDiscriminator::Output judged = discriminator_->forward(fake);
  const torch::Tensor classification = labels_.loss(judged.labels, wanted, real.set);
  const torch::Tensor total = options_.cls_weight * classification - judged.patches.mean() +
                              options_.rec_weight * reconstruction;
  return {total,
          {{"loss_g", total},
           {"label_loss_fake", classification},
           {"reconstruction_l1", reconstruction}}};
}

TensorMap Stargan::sample_inputs(Noise&, const Batch& reals) {
  const std::int64_t rows = std::min(kMostPreviews, reals.labels.size(0));
  return {{"images", reals.data.at("images").slice(0, 0, rows).clone()},
          {"labels", labels_.select(reals.labels.slice(0, 0, rows), reals.set)}};
}

/// One row a picture: itself, then each attribute changed.
torch::Tensor Stargan::sample(const TensorMap& inputs, const Growth&) {
  const torch::Tensor &images = inputs.at("images"), &own = inputs.at("labels");
  std::vector<torch::Tensor> columns{images};
  for (std::int64_t i = 0; i < labels_.count(); ++i)
    columns.push_back(translate(images, labels_.flipped(own, i)));
  return torch::stack(columns, 1).flatten(0, 1);
}

SampleLayout Stargan::sample_layout() const {
  SampleLayout layout{labels_.count() + 1, {"Input"}};
  for (const std::string& name : labels_.names()) layout.headings.push_back(name);
  return layout;
}

/// Label vectors with one attribute of the set, drawn for each row among those that a flip changes,
/// changed.
torch::Tensor Stargan::one_flipped(const torch::Tensor& own, std::int64_t set, Noise& noise) const {
  std::vector<torch::Tensor> flipped;
  for (const std::int64_t column : labels_.columns_of(set))
    flipped.push_back(labels_.flipped(own, column));
  const torch::Tensor all = torch::stack(flipped);                  // [A,N,width]
  const torch::Tensor changes = (all != own).any(2);                // [A,N]
  const torch::Tensor place = changes.to(torch::kInt64).cumsum(0);  // among these, from 1
  const torch::Tensor drawn = noise.integers(std::int64_t{1} << 30, {}).to(own.device());
  const torch::Tensor wanted = drawn.remainder(place[-1].clamp_min(1)) + 1;  // [N]
  const torch::Tensor chosen = changes.logical_and(place == wanted);         // one a column
  const torch::Tensor picked = (all * chosen.unsqueeze(2).to(all.scalar_type())).sum(0);
  return torch::where(chosen.any(0).unsqueeze(1), picked, own);
}

TensorMap Stargan::evaluate(const Batch& held_out, const Growth&, Noise& noise) {
  const torch::Tensor& images = held_out.data.at("images");
  const torch::Tensor own = labels_.select(held_out.labels, held_out.set);
  const torch::Tensor wanted = one_flipped(own, held_out.set, noise);
  const torch::Tensor fake = translate(images, wanted);
  const torch::Tensor back = translate(fake, own);
  const auto columns = torch::tensor(labels_.columns_of(held_out.set), own.device());
  const auto wrong = [&](const torch::Tensor& found, const torch::Tensor& right) {
    return (found != right).index_select(1, columns).to(torch::kFloat32).mean(1);
  };
  return {{"held_out_label_error", wrong(recognised(images, held_out.set), own)},
          {"held_out_translated_label_error", wrong(recognised(fake, held_out.set), wanted)},
          {"held_out_reconstruction_l1", (images - back).abs().mean({1, 2, 3})}};
}

std::string Stargan::architecture() const {
  return nlohmann::ordered_json{{"model", "stargan"},
                                {"generator_width", shape_.generator_width},
                                {"discriminator_width", shape_.discriminator_width},
                                {"residual_blocks", shape_.residual_blocks},
                                {"discriminator_layers", shape_.discriminator_layers},
                                {"labels", nlohmann::ordered_json::parse(labels_.json())}}
      .dump();
}

void StarganOptions::validate() const {
  const auto within = [](const char* name, std::int64_t value, std::int64_t most) {
    if (value >= 1 && value <= most) return;
    throw ConfigError("--" + std::string(name) + " " + std::to_string(value) + ": expected 1 to " +
                      std::to_string(most));
  };
  within("n-critic", n_critic, 1000);
  within("generator-width", shape.generator_width, 1 << 10);
  within("discriminator-width", shape.discriminator_width, 1 << 10);
  within("discriminator-layers", shape.discriminator_layers, 10);
  const std::int64_t widest = shape.discriminator_width << (shape.discriminator_layers - 1);
  if (widest > kMostChannels) {
    throw ConfigError("--discriminator-width and --discriminator-layers make " +
                      std::to_string(widest) + " channels: expected " +
                      std::to_string(kMostChannels) + " at most");
  }
  if (shape.residual_blocks < 0 || shape.residual_blocks > 100)
    throw ConfigError("--residual-blocks: expected 0 to 100");
  if (!(cls_weight >= 0)) throw ConfigError("--cls-weight: expected 0 or more");
  if (!(rec_weight >= 0)) throw ConfigError("--rec-weight: expected 0 or more");
  if (!(gp_weight >= 0)) throw ConfigError("--gp-weight: expected 0 or more");
}

std::vector<Preset> StarganOptions::presets() const {
  return {{"stargan-celeba",
           "the paper's on CelebA: hair colours, sex and age at 128x128, 200,000 updates of D",
           {{"attributes", "Black_Hair,Blond_Hair,Brown_Hair,Male,Young"}, {"resolution", "128"}}},
          {"stargan-lecture",
           "the lecture notes' controls: sex, age and pale skin",
           {{"attributes", "Male,Young,Pale_Skin"}}}};
}

std::map<std::string, std::string> StarganOptions::values_from(
    const std::string& architecture) const {
  const auto json = nlohmann::json::parse(architecture, nullptr, false);
  try {
    if (const std::string model = json.at("model"); model != "stargan")
      throw ConfigError("networks of the model " + model + ", expected stargan");
    auto values = LabelSets::values_from(json.at("labels").dump());
    const auto take = [&](const char* option, const char* key) {
      values[option] = std::to_string(json.at(key).get<std::int64_t>());
    };
    take("generator-width", "generator_width");
    take("discriminator-width", "discriminator_width");
    take("residual-blocks", "residual_blocks");
    take("discriminator-layers", "discriminator_layers");
    return values;
  } catch (const nlohmann::json::exception&) {
    throw ConfigError(
        "an architecture that cannot be read: expected JSON with model, widths and labels");
  }
}

std::unique_ptr<Recipe> StarganOptions::make(const ModelContext& context) const {
  return std::make_unique<Stargan>(*this, context);
}

}  // namespace

std::unique_ptr<RecipeOptions> stargan_options() {
  return std::make_unique<StarganOptions>();
}

}  // namespace pgan::models
