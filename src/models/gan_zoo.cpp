#include "models/gan_zoo.h"

#include <cmath>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "nn/equalized.h"

namespace pgan::models {
namespace {

/// A layer in both worlds.
struct Layer {
  std::string ours, theirs;
  double gain = nn::kReluGain;  ///< ours; theirs is always sqrt(2)
};

/// sqrt((n - 1) / n) for the groups of n = 4 that both use.
const double kStddevRatio = std::sqrt(3.0 / 4.0);

std::vector<Layer> generator_layers(std::int64_t resolution) {
  std::vector<Layer> layers{{"4.dense", "formatLayer", nn::kReluGain / 4},
                            {"4.conv", "groupScale0.0"},
                            {"to_rgb.4", "toRGBLayers.0", 1}};
  for (std::int64_t r = 8, i = 0; r <= resolution; r *= 2, ++i) {
    const std::string ours = std::to_string(r);
    const std::string theirs = "scaleLayers." + std::to_string(i);
    layers.push_back({ours + ".conv0", theirs + ".0"});
    layers.push_back({ours + ".conv1", theirs + ".1"});
    layers.push_back({"to_rgb." + ours, "toRGBLayers." + std::to_string(i + 1), 1});
  }
  return layers;
}

std::vector<Layer> discriminator_layers(std::int64_t resolution) {
  std::vector<Layer> layers{{"from_rgb.4", "fromRGBLayers.0"},
                            {"4.conv", "groupScaleZero.0"},
                            {"4.dense", "groupScaleZero.1"},
                            {"4.out", "decisionLayer", 1}};
  for (std::int64_t r = 8, i = 0; r <= resolution; r *= 2, ++i) {
    const std::string ours = std::to_string(r);
    const std::string theirs = "scaleLayers." + std::to_string(i);
    layers.push_back({ours + ".conv0", theirs + ".0"});
    layers.push_back({ours + ".conv1", theirs + ".1"});
    layers.push_back({"from_rgb." + ours, "fromRGBLayers." + std::to_string(i + 1)});
  }
  return layers;
}

/// sqrt(2 / fan_in) of a weight [out,in,...]: what they multiply a layer's output by.
double he_constant(const torch::Tensor& weight) {
  return std::sqrt(2.0 * static_cast<double>(weight.size(0)) / static_cast<double>(weight.numel()));
}

/// The last input channel of D's first 4x4 convolution is the minibatch stddev.
torch::Tensor scale_last_channel(const torch::Tensor& weight, double factor) {
  torch::Tensor scaled = weight.clone();
  scaled.select(1, weight.size(1) - 1).mul_(factor);
  return scaled;
}

const torch::Tensor& tensor_of(const TensorMap& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) throw DataError("the network has no tensor " + name);
  return found->second;
}

std::int64_t resolution_of(const NamedNetwork& network) {
  const auto json = nlohmann::json::parse(network.architecture, nullptr, false);
  if (!json.is_object() || json.value("model", "") != "progressive" ||
      !json.contains("resolution") || !json["resolution"].is_number_integer()) {
    throw ConfigError("only networks of --model progressive can be written for gan-zoo");
  }
  return json["resolution"].get<std::int64_t>();
}

/// "netG.formatLayer.module.weight" -> "formatLayer.weight", of the network that is in the file.
TensorMap bare_names(const TensorMap& tensors) {
  std::string prefix;
  for (const char* known : {"netG.", "netD."}) {
    for (const auto& [name, tensor] : tensors) {
      if (name.starts_with(known) && prefix.empty()) prefix = known;
    }
  }
  TensorMap result;
  for (const auto& [name, tensor] : tensors) {
    if (!name.starts_with(prefix)) continue;
    std::string bare = name.substr(prefix.size());
    if (const auto at = bare.find(".module."); at != std::string::npos) bare.erase(at, 7);
    if (!result.emplace(bare, tensor).second) {
      throw DataError("tensor " + bare + " is there with and without .module");
    }
    if (tensor.numel() == 0) throw DataError("tensor " + bare + " is empty");
  }
  return result;
}

void require_shape(const std::string& name, const torch::Tensor& tensor,
                   const std::vector<std::int64_t>& expected) {
  if (tensor.sizes().vec() == expected) return;
  throw DataError("tensor " + name + " is " + c10::str(tensor.sizes()) + ", expected " +
                  c10::str(torch::IntArrayRef(expected)) + " beside the others");
}

/// Shapes of their layers, checked one against another; channels at 4, 8, …
std::vector<std::int64_t> checked_channels(const TensorMap& theirs, bool generator) {
  const std::string rgb = generator ? "toRGBLayers." : "fromRGBLayers.";
  std::vector<std::int64_t> channels;
  while (theirs.contains(rgb + std::to_string(channels.size()) + ".weight")) {
    const auto& weight = theirs.at(rgb + std::to_string(channels.size()) + ".weight");
    if (weight.dim() != 4) throw DataError("tensor " + rgb + "weight is no convolution's");
    channels.push_back(weight.size(generator ? 1 : 0));
  }
  const auto require_conv = [&](const std::string& name, std::int64_t in, std::int64_t out,
                                std::int64_t kernel) {
    require_shape(name, tensor_of(theirs, name + ".weight"), {out, in, kernel, kernel});
    require_shape(name, tensor_of(theirs, name + ".bias"), {out});
  };
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const std::int64_t c = channels[i];
    require_conv(rgb + std::to_string(i), generator ? c : 3, generator ? 3 : c, 1);
    if (i == 0) continue;
    const std::string scale = "scaleLayers." + std::to_string(i - 1);
    const std::int64_t below = channels[i - 1];
    require_conv(scale + ".0", generator ? below : c, c, 3);
    require_conv(scale + ".1", c, generator ? c : below, 3);
  }
  return channels;
}

/// The dense layers and the 4x4 convolution. Returns the latent's size, 0 for a discriminator.
std::int64_t check_first_scale(TensorMap& theirs, bool generator, std::int64_t c) {
  if (generator) {
    const torch::Tensor& format = tensor_of(theirs, "formatLayer.weight");
    const std::int64_t latent = format.dim() == 2 ? format.size(1) : -1;
    require_shape("formatLayer.weight", format, {c * 16, latent});
    require_shape("formatLayer.bias", tensor_of(theirs, "formatLayer.bias"), {c * 16});
    require_shape("groupScale0.0.weight", tensor_of(theirs, "groupScale0.0.weight"), {c, c, 3, 3});
    require_shape("groupScale0.0.bias", tensor_of(theirs, "groupScale0.0.bias"), {c});
    return latent;
  }
  torch::Tensor conv = tensor_of(theirs, "groupScaleZero.0.weight");
  // Trained without minibatch stddev: weights of zero make the channel count for nothing. Their
  // constant goes by the fan-in, which grows by that channel.
  if (conv.dim() == 4 && conv.size(1) == c) {
    require_shape("groupScaleZero.0.weight", conv, {c, c, 3, 3});
    const double grown = std::sqrt(static_cast<double>(c + 1) / static_cast<double>(c));
    conv = torch::cat({conv, torch::zeros({conv.size(0), 1, 3, 3}, conv.options())}, 1) * grown;
    theirs["groupScaleZero.0.weight"] = conv;
    theirs["groupScaleZero.0.bias"] = tensor_of(theirs, "groupScaleZero.0.bias") * grown;
  }
  require_shape("groupScaleZero.0.weight", conv, {c, c + 1, 3, 3});
  require_shape("groupScaleZero.0.bias", tensor_of(theirs, "groupScaleZero.0.bias"), {c});
  require_shape("groupScaleZero.1.weight", tensor_of(theirs, "groupScaleZero.1.weight"),
                {c, c * 16});
  require_shape("groupScaleZero.1.bias", tensor_of(theirs, "groupScaleZero.1.bias"), {c});
  require_shape("decisionLayer.weight", tensor_of(theirs, "decisionLayer.weight"), {1, c});
  require_shape("decisionLayer.bias", tensor_of(theirs, "decisionLayer.bias"), {1});
  return 0;
}

}  // namespace

TensorMap to_gan_zoo(const NamedNetwork& network) {
  const std::int64_t resolution = resolution_of(network);
  TensorMap result;
  for (const Layer& layer :
       network.generator ? generator_layers(resolution) : discriminator_layers(resolution)) {
    torch::Tensor weight = tensor_of(network.tensors, layer.ours + ".weight").detach();
    torch::Tensor bias = tensor_of(network.tensors, layer.ours + ".bias").detach();
    if (weight.dim() < 2 || weight.numel() == 0 || bias.dim() != 1 || bias.numel() == 0 ||
        weight.size(0) % bias.size(0) != 0) {
      throw DataError("tensor " + layer.ours + " has not the shape of a layer");
    }
    const double constant = he_constant(weight);
    weight = weight * (layer.gain / nn::kReluGain);
    if (layer.theirs == "groupScaleZero.0") weight = scale_last_channel(weight, kStddevRatio);
    if (bias.size(0) < weight.size(0)) bias = bias.repeat_interleave(weight.size(0) / bias.size(0));
    result[layer.theirs + ".module.weight"] = weight;
    result[layer.theirs + ".module.bias"] = bias / constant;
  }
  return result;
}

NamedNetwork from_gan_zoo(const TensorMap& tensors) {
  TensorMap theirs = bare_names(tensors);
  NamedNetwork network;
  network.generator = theirs.contains("formatLayer.weight");
  if (!network.generator && !theirs.contains("decisionLayer.weight")) {
    throw DataError(
        "neither a generator (formatLayer) nor a discriminator (decisionLayer) of gan-zoo");
  }
  const std::vector<std::int64_t> channels = checked_channels(theirs, network.generator);
  if (channels.empty() || channels.size() > 9) {
    throw DataError("expected 1 to 9 toRGBLayers or fromRGBLayers, found " +
                    std::to_string(channels.size()));
  }
  const std::int64_t latent = check_first_scale(theirs, network.generator, channels.front());
  const std::int64_t resolution = std::int64_t{4} << (channels.size() - 1);
  bool pixel_bias = false;
  for (const Layer& layer :
       network.generator ? generator_layers(resolution) : discriminator_layers(resolution)) {
    torch::Tensor weight = theirs.at(layer.theirs + ".weight");
    torch::Tensor bias = theirs.at(layer.theirs + ".bias");
    theirs.erase(layer.theirs + ".weight");
    theirs.erase(layer.theirs + ".bias");
    bias = bias * he_constant(weight);
    weight = weight * (nn::kReluGain / layer.gain);
    if (layer.theirs == "groupScaleZero.0") weight = scale_last_channel(weight, 1 / kStddevRatio);
    if (layer.theirs == "formatLayer") {
      const torch::Tensor by_channel = bias.view({-1, 16});
      pixel_bias = !by_channel.eq(by_channel.select(1, 0).unsqueeze(1)).all().item<bool>();
      if (!pixel_bias) bias = by_channel.select(1, 0).contiguous();
    }
    network.tensors[layer.ours + ".weight"] = weight;
    network.tensors[layer.ours + ".bias"] = bias;
  }
  if (!theirs.empty()) throw DataError("a tensor that is not gan-zoo's: " + theirs.begin()->first);
  nlohmann::ordered_json architecture{{"model", "progressive"},
                                      {"recipe", "progressive"},
                                      {"channels", channels},
                                      {"stddev_group", 4},
                                      {"pixel_bias", pixel_bias},
                                      {"resolution", resolution},
                                      {"alpha", 1.0}};
  if (network.generator) architecture["latent"] = latent;
  network.architecture = architecture.dump();
  return network;
}

}  // namespace pgan::models
