#include "apps/load_model.h"

#include <algorithm>

#include "core/error.h"
#include "core/option_set.h"

namespace pgan::apps {
namespace {

bool holds(const checkpoint::Weights& weights, const std::string& part) {
  const auto first = weights.tensors.lower_bound(part + "/");
  return first != weights.tensors.end() && first->first.starts_with(part + "/");
}

std::string shape_text(const torch::Tensor& tensor) {
  std::string text;
  for (const std::int64_t size : tensor.sizes())
    text.append(text.empty() ? "[" : ",").append(std::to_string(size));
  return text.empty() ? "[]" : text.append("]");
}

/// part: what the weights call the set, "G" or "G_ema".
void copy_set(const checkpoint::Weights& weights, const std::string& part,
              models::NamedParameters& parameters, const std::string& where) {
  for (auto& [name, parameter] : parameters) {
    const std::string full = std::string(part).append("/").append(name);
    const auto source = weights.tensors.find(full);
    if (source == weights.tensors.end()) {
      throw CheckpointError(where + " has no " + full + ", which a model of its kind (" +
                            weights.recipe + ") needs; export or save it anew");
    }
    if (source->second.sizes() != parameter.sizes()) {
      throw CheckpointError(where + ": " + full + " has the shape " + shape_text(source->second) +
                            ", expected " + shape_text(parameter) +
                            "; its architecture is another's");
    }
    parameter.copy_(source->second);
  }
}

std::unique_ptr<models::Recipe> build(const checkpoint::Weights& weights, torch::Device device,
                                      const std::vector<models::DataFacts>& data) {
  const auto options = models::find_recipe(weights.recipe).options();
  const auto values = options->values_from(weights.architecture);
  OptionSet([&](OptionVisitor& visitor) {
    options->visit(visitor);
  }).assign({values.begin(), values.end()});
  options->validate();
  auto recipe =
      options->make({0, weights.growth.resolution, torch::kFloat32, device, std::nullopt, data});
  recipe->grow(weights.growth);
  return recipe;
}

/// Whether the averages of these sets are what to load.
bool averaged(const checkpoint::Weights& weights, const std::vector<std::string>& sets,
              const std::string& network, const std::string& where) {
  if (network != "auto" && network != "ema" && network != "raw")
    throw ConfigError("--network " + network + ": expected auto, ema or raw");
  const auto all = [&](const std::string& ending) {
    return !sets.empty() && std::ranges::all_of(sets, [&](const std::string& set) {
      return holds(weights, set + ending);
    });
  };
  const bool average = all("_ema");
  if (network == "ema" && !average) {
    throw ConfigError("--network ema: " + where +
                      " holds no moving average (it was trained without, --ema-kimg 0, or "
                      "exported without); --network raw takes the weights as trained");
  }
  if (network == "raw" && average && !all("")) {
    throw ConfigError("--network raw: " + where +
                      " holds the moving average alone, which --network ema takes; an export with "
                      "--network all holds both");
  }
  return average && network != "raw";
}

}  // namespace

LoadedModel load_model(const checkpoint::Weights& weights, const std::string& network,
                       const std::string& where, torch::Device device,
                       const std::vector<models::DataFacts>& data) {
  LoadedModel model{build(weights, device, data), {}, {}};
  const torch::NoGradGuard no_grad;
  const std::vector<std::string> shown = model.recipe->averaged_sets();
  const bool ema = averaged(weights, shown, network, where);
  for (auto& [set, parameters] : model.recipe->parameter_sets()) {
    const bool is_shown = shown.empty() || std::ranges::count(shown, set) > 0;
    const std::string part = is_shown && ema ? set + "_ema" : set;
    if (is_shown || holds(weights, part)) {
      copy_set(weights, part, parameters, where);
    } else {
      model.missing.push_back(set);
    }
    if (is_shown && model.network.empty()) model.network = part;
  }
  return model;
}

}  // namespace pgan::apps
