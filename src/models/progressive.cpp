#include "models/progressive.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/rows.h"
#include "models/progressive_networks.h"
#include "models/wasserstein.h"

namespace pgan::models {
namespace {

/// Options of `--model progressive`; defaults are the published ones.
class ProgressiveOptions : public RecipeOptions {
 public:
  void visit(OptionVisitor& visitor) override {
    visitor.group("Progressive GAN");
    visitor.field("fmap-base", fmap_base,
                  "channels at 2^r pixels are min(fmap-base / 2^(r-1), fmap-max)");
    visitor.field("fmap-max", fmap_max, "most channels of a layer");
    visitor.field("latent", latent, "size of the latent vector");
    visitor.field("stddev-group", stddev_group, "most rows of a minibatch-stddev group");
    visitor.field("gp-weight", loss.penalty_weight, "weight of the gradient penalty (lambda)");
    visitor.field("gp-target", loss.penalty_target, "gradient norm the penalty pulls to");
    visitor.field("drift", loss.drift,
                  "weight of mean D(real)^2, which keeps the critic near zero");
  }
  void validate() const override;
  std::vector<Preset> presets() const override { return progressive_presets(); }
  std::unique_ptr<Preset> default_preset(int ranks) const override {
    return std::make_unique<Preset>(progressive_preset_for_ranks(ranks));
  }
  std::unique_ptr<Recipe> make(const ModelContext& context) const override;

  std::int64_t fmap_base = 8192, fmap_max = 512, latent = 512, stddev_group = 4;
  WassersteinSettings loss;
};

/// Progressive GAN: one D update, then one G update a step, each with fresh latents.
class Progressive : public Recipe {
 public:
  Progressive(const ProgressiveOptions& options, const ModelContext& context)
      : options_(options),
        shape_{options.latent, progressive_channels(options.fmap_base, options.fmap_max)},
        generator_(std::make_shared<ProgressiveGenerator>(shape_, init(context))),
        discriminator_(std::make_shared<ProgressiveDiscriminator>(shape_, init(context))) {}

  std::map<std::string, std::shared_ptr<torch::nn::Module>> networks() override {
    return {{"D", discriminator_}, {"G", generator_}};
  }
  std::vector<std::string> averaged_sets() const override { return {"G"}; }
  std::vector<Phase> phases() const override { return {{"D", {"D"}}, {"G", {"G"}}}; }
  std::int64_t group_size() const override { return options_.stddev_group; }
  bool grow(const Growth& growth) override {
    const bool changed = generator_->grow(growth.resolution);
    return discriminator_->grow(growth.resolution) || changed;
  }
  LossTerms loss(const Phase& phase, const Batch& real, const Growth& growth,
                 Noise& noise) override;
  torch::Tensor sample(const Growth& growth, Noise& noise) override {
    const torch::NoGradGuard no_grad;
    return generator_->forward(noise.normal({shape_.latent}), growth);
  }
  std::string architecture() const override {
    return nlohmann::ordered_json{{"model", "progressive"},
                                  {"latent", shape_.latent},
                                  {"channels", shape_.channels},
                                  {"stddev_group", options_.stddev_group}}
        .dump();
  }

 private:
  static nn::Init init(const ModelContext& context) {
    return {context.seed, context.dtype, context.device};
  }

  ProgressiveOptions options_;
  ProgressiveShape shape_;
  std::shared_ptr<ProgressiveGenerator> generator_;
  std::shared_ptr<ProgressiveDiscriminator> discriminator_;
};

LossTerms Progressive::loss(const Phase& phase, const Batch& real, const Growth& growth,
                            Noise& noise) {
  const std::int64_t group = group_size_of(real.rows.global, options_.stddev_group);
  const auto critic = [&](const torch::Tensor& images) {
    return discriminator_->forward(images, growth, group);
  };
  const torch::Tensor z = noise.normal({shape_.latent});
  if (phase.name == "G") {
    const torch::Tensor score = critic(generator_->forward(z, growth));
    const torch::Tensor total = -score.mean();
    return {total, {{"loss_g", total}}};
  }
  torch::Tensor fake;
  {
    const torch::NoGradGuard no_grad;
    fake = generator_->forward(z, growth);
  }
  const torch::Tensor mix = noise.uniform({1, 1, 1});
  const CriticLoss loss = critic_loss(critic, real.data.at("images"), fake, mix, options_.loss);
  return {loss.total,
          {{"loss_d", loss.total},
           {"d_real", loss.real.mean()},
           {"d_fake", loss.fake.mean()},
           {"gradient_norm", loss.gradient_norm.mean()}}};
}

void ProgressiveOptions::validate() const {
  const auto at_least_one = [](const char* name, std::int64_t value, std::int64_t most) {
    if (value >= 1 && value <= most) return;
    throw ConfigError("--" + std::string(name) + " " + std::to_string(value) + ": expected 1 to " +
                      std::to_string(most));
  };
  at_least_one("fmap-base", fmap_base, 1 << 20);
  at_least_one("fmap-max", fmap_max, 1 << 16);
  at_least_one("latent", latent, 1 << 16);
  at_least_one("stddev-group", stddev_group, 1 << 16);
  if (!(loss.penalty_weight >= 0)) throw ConfigError("--gp-weight: expected 0 or more");
  if (!(loss.penalty_target > 0)) throw ConfigError("--gp-target: expected a number above 0");
  if (!(loss.drift >= 0)) throw ConfigError("--drift: expected 0 or more");
}

std::unique_ptr<Recipe> ProgressiveOptions::make(const ModelContext& context) const {
  return std::make_unique<Progressive>(*this, context);
}

}  // namespace

std::unique_ptr<RecipeOptions> progressive_options() {
  return std::make_unique<ProgressiveOptions>();
}

}  // namespace pgan::models
