#include "models/example_model.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "nn/plain.h"

namespace pgan::models {
namespace {

struct DenoiserOptions : RecipeOptions {
  void visit(OptionVisitor& visitor) override {
    visitor.group("Denoiser");
    visitor.field("denoiser-width", width, "channels of the layer in the middle");
    visitor.field("noise-level", noise_level, "standard deviation of the noise on pictures");
  }
  void validate() const override {
    if (width < 1) throw ConfigError("--denoiser-width: expected 1 or more");
    if (!(noise_level >= 0)) throw ConfigError("--noise-level: expected 0 or more");
  }
  std::map<std::string, std::string> defaults() const override { return {{"minibatch", "32"}}; }
  bool grows() const override { return false; }
  std::map<std::string, std::string> values_from(const std::string& architecture) const override {
    const auto json = nlohmann::json::parse(architecture, nullptr, false);
    if (!json.is_object() || json.value("model", "") != "denoiser" || !json.contains("width"))
      throw ConfigError("networks of another model, expected denoiser");
    return {{"denoiser-width", json["width"].dump()}};
  }
  std::unique_ptr<Recipe> make(const ModelContext& context) const override;

  std::int64_t width = 16;
  double noise_level = 0.5;
};

/// Denoising autoencoder (Vincent et al. 2008): makes pictures of pictures with noise on them.
class Denoiser : public Recipe {
 public:
  Denoiser(const DenoiserOptions& options, const nn::Init& init)
      : options_(options), network_(std::make_shared<nn::Sequence>()) {
    const nn::ConvolutionShape down{3, options.width, 4, 2, 1};
    const nn::ConvolutionShape up{options.width, 3, 4, 2, 1, /*bias=*/true, /*transposed=*/true};
    network_->add(0, std::make_shared<nn::Convolution>("A.0", down, init));
    network_->add(1, std::make_shared<nn::InstanceNorm>(options.width, /*relu=*/true, init));
    network_->add(2, std::make_shared<nn::Convolution>("A.2", up, init));
  }
  std::map<std::string, std::shared_ptr<torch::nn::Module>> networks() override {
    return {{"A", network_}};
  }
  std::vector<std::string> averaged_sets() const override { return {"A"}; }
  std::vector<Phase> phases() const override { return {{"A", {"A"}}}; }
  LossTerms loss(const Phase&, const Batch& real, const Growth&, Noise& noise,
                 Step& step) override {
    const torch::Tensor& images = real.data.at("images");
    const torch::Tensor input = noisy(images, noise);
    step.ready("A");
    const torch::Tensor total = (network_->forward(input) - images).square().mean();
    return {total, {{"loss", total}}};
  }
  TensorMap sample_inputs(Noise& noise, const Batch& reals) override {
    return {{"images", noisy(reals.data.at("images"), noise)}};
  }
  torch::Tensor sample(const TensorMap& inputs, const Growth&) override {
    const torch::NoGradGuard no_grad;
    const torch::Tensor& images = inputs.at("images");
    return torch::stack({images, network_->forward(images)}, 1).flatten(0, 1);
  }
  SampleLayout sample_layout() const override { return {2, {"Given", "Restored"}}; }
  TensorMap evaluate(const Batch& held_out, const Growth&, Noise& noise) override {
    const torch::Tensor& images = held_out.data.at("images");
    const torch::Tensor error = network_->forward(noisy(images, noise)) - images;
    return {{"held_out_error", error.square().mean({1, 2, 3})}};
  }
  std::string architecture() const override {
    return nlohmann::json{{"model", "denoiser"}, {"width", options_.width}}.dump();
  }

 private:
  torch::Tensor noisy(const torch::Tensor& images, Noise& noise) const {
    return images + options_.noise_level * noise.normal(images.sizes().slice(1));
  }
  DenoiserOptions options_;
  std::shared_ptr<nn::Sequence> network_;
};

std::unique_ptr<Recipe> DenoiserOptions::make(const ModelContext& context) const {
  return std::make_unique<Denoiser>(
      *this, nn::Init{context.seed, context.dtype, context.device, context.compute});
}

}  // namespace

std::unique_ptr<RecipeOptions> denoiser_options() {
  return std::make_unique<DenoiserOptions>();
}

}  // namespace pgan::models
