#include "models/progressive.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/rows.h"
#include "models/progressive_networks.h"
#include "models/wasserstein.h"

namespace pgan::models {
namespace {

/// "512,512,256" -> numbers; empty -> none.
std::vector<std::int64_t> parse_channels(const std::string& text) {
  std::vector<std::int64_t> channels;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    std::int64_t count = 0;
    const auto [rest, error] = std::from_chars(at, end, count);
    const bool last = rest == end;
    const bool valid = error == std::errc() && count >= 1 && count <= 1 << 16 &&
                       (last || (*rest == ',' && rest + 1 != end)) && channels.size() < 9;
    if (!valid) {
      throw ConfigError("--channels " + text +
                        ": expected up to 9 numbers from 1 to 65536, like 512,512,256");
    }
    channels.push_back(count);
    at = last ? end : rest + 1;
  }
  return channels;
}

/// Options of `--model progressive`; defaults are the published ones.
class ProgressiveOptions : public RecipeOptions {
 public:
  void visit(OptionVisitor& visitor) override {
    visitor.group("Progressive GAN");
    visitor.field("fmap-base", fmap_base,
                  "channels at 2^r pixels are min(fmap-base / 2^(r-1), fmap-max)");
    visitor.field("fmap-max", fmap_max, "most channels of a layer");
    visitor.field("channels", channels,
                  "channels at 4, 8, 16, ... pixels, e.g. 512,512,256, in place of the rule above");
    visitor.field("latent", latent, "size of the latent vector");
    visitor.field("pixel-bias", pixel_bias,
                  "the generator's first layer has a bias a pixel, not a channel (as imported "
                  "networks may need)");
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
  std::map<std::string, std::string> values_from(const std::string& architecture) const override;
  std::unique_ptr<Recipe> make(const ModelContext& context) const override;
  ProgressiveShape shape(std::int64_t resolution) const;

  std::int64_t fmap_base = 8192, fmap_max = 512, latent = 512, stddev_group = 4;
  std::string channels;
  bool pixel_bias = false;
  WassersteinSettings loss;
};

/// Progressive GAN: one D update, then one G update a step, each with fresh latents.
class Progressive : public Recipe {
 public:
  Progressive(const ProgressiveOptions& options, const ModelContext& context)
      : options_(options),
        shape_(options.shape(context.resolution)),
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
  std::map<std::string, NamedParameters> parameter_sets() override;
  LossTerms loss(const Phase& phase, const Batch& real, const Growth& growth, Noise& noise,
                 Step& step) override;
  TensorMap sample_inputs(Noise& noise, const Batch&) override {
    return {{"latents", noise.normal({shape_.latent})}};
  }
  torch::Tensor sample(const TensorMap& inputs, const Growth& growth) override {
    const torch::NoGradGuard no_grad;
    return generator_->forward(inputs.at("latents"), growth);
  }
  std::string architecture() const override {
    return nlohmann::ordered_json{{"model", "progressive"},
                                  {"latent", shape_.latent},
                                  {"channels", shape_.channels},
                                  {"stddev_group", options_.stddev_group},
                                  {"pixel_bias", shape_.pixel_bias}}
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

/// The discriminator's layers from the largest resolution down, as it uses them.
std::map<std::string, NamedParameters> Progressive::parameter_sets() {
  auto sets = Recipe::parameter_sets();
  const auto resolution = [](const std::pair<std::string, torch::Tensor>& parameter) {
    std::int64_t pixels = 1 << 20;  // of "from_rgb...", which comes first
    std::from_chars(parameter.first.data(), parameter.first.data() + parameter.first.find('.'),
                    pixels);
    return pixels;
  };
  std::ranges::stable_sort(sets.at("D"), std::ranges::greater(), resolution);
  return sets;
}

LossTerms Progressive::loss(const Phase& phase, const Batch& real, const Growth& growth,
                            Noise& noise, Step& step) {
  const std::int64_t group = group_size_of(real.rows.global, options_.stddev_group);
  const auto critic = [&](const torch::Tensor& images) {
    step.ready("D");
    return discriminator_->forward(images, growth, group);
  };
  const auto generate = [&, z = noise.normal({shape_.latent})] {
    step.ready("G");
    return generator_->forward(z, growth);
  };
  if (phase.name == "G") {
    const torch::Tensor score = critic(generate());
    const torch::Tensor total = -score.mean();
    return {total, {{"loss_g", total}}};
  }
  const auto make_fake = [&] {
    const torch::NoGradGuard no_grad;
    return generate();
  };
  const torch::Tensor mix = noise.uniform({1, 1, 1});
  const CriticLoss loss = critic_loss(critic, real.data.at("images"), make_fake, mix, options_.loss,
                                      [&](const torch::Tensor& terms) { step.backward(terms); });
  return {loss.rest,
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
  parse_channels(channels);
  at_least_one("stddev-group", stddev_group, 1 << 16);
  if (!(loss.penalty_weight >= 0)) throw ConfigError("--gp-weight: expected 0 or more");
  if (!(loss.penalty_target > 0)) throw ConfigError("--gp-target: expected a number above 0");
  if (!(loss.drift >= 0)) throw ConfigError("--drift: expected 0 or more");
}

ProgressiveShape ProgressiveOptions::shape(std::int64_t resolution) const {
  ProgressiveShape shape{latent, parse_channels(channels), pixel_bias};
  if (channels.empty()) shape.channels = progressive_channels(fmap_base, fmap_max);
  std::int64_t covered = 2;
  for (std::size_t i = 0; i < shape.channels.size(); ++i) covered *= 2;
  if (covered < resolution) {
    throw ConfigError("--channels " + channels + " ends at " + std::to_string(covered) +
                      " pixels: expected a number for each of 4, 8, ... " +
                      std::to_string(resolution) + ", or --resolution " + std::to_string(covered));
  }
  return shape;
}

std::map<std::string, std::string> ProgressiveOptions::values_from(
    const std::string& architecture) const {
  const auto json = nlohmann::json::parse(architecture, nullptr, false);
  try {
    if (json.at("model").get<std::string>() != "progressive") {
      throw ConfigError("networks of the model " + json.at("model").get<std::string>() +
                        ", expected progressive");
    }
    std::string list;
    for (const std::int64_t count : json.at("channels").get<std::vector<std::int64_t>>()) {
      if (!list.empty()) list += ',';
      list += std::to_string(count);
    }
    std::map<std::string, std::string> values;
    // A discriminator knows nothing of latents.
    if (json.contains("latent"))
      values["latent"] = std::to_string(json["latent"].get<std::int64_t>());
    values["channels"] = list;
    values["stddev-group"] = std::to_string(json.value("stddev_group", std::int64_t{4}));
    values["pixel-bias"] = json.value("pixel_bias", false) ? "true" : "false";
    return values;
  } catch (const nlohmann::json::exception&) {
    throw ConfigError(
        "an architecture that cannot be read: expected JSON with model, channels "
        "and latent");
  }
}

std::unique_ptr<Recipe> ProgressiveOptions::make(const ModelContext& context) const {
  return std::make_unique<Progressive>(*this, context);
}

}  // namespace

std::unique_ptr<RecipeOptions> progressive_options() {
  return std::make_unique<ProgressiveOptions>();
}

}  // namespace pgan::models
