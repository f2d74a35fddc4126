#include <cstdio>
#include <set>

#include "apps/pgan_checkpoint/commands.h"
#include "checkpoint/weights.h"
#include "core/error.h"
#include "models/layouts.h"

namespace pgan::apps {
namespace {

std::set<std::string> networks_of(const checkpoint::Weights& weights) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : weights.tensors) names.insert(std::string(network_of(name)));
  return names;
}

std::string known_networks(const checkpoint::Weights& weights) {
  std::string text;
  for (const std::string& name : networks_of(weights)) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// Tensors of one network without its name in front; of "all", every one with it.
TensorMap select(const checkpoint::Weights& weights, const std::string& network,
                 const std::string& where) {
  if (network == "all") return weights.tensors;
  const std::string prefix = network + "/";
  TensorMap tensors;
  for (const auto& [name, tensor] : weights.tensors) {
    if (name.starts_with(prefix)) tensors[name.substr(prefix.size())] = tensor;
  }
  if (!tensors.empty()) return tensors;
  throw CheckpointError(where + " has no network " + network + ": expected one of " +
                        known_networks(weights) + ", or all");
}

/// The network to write when the user names none: the average is what samples are made with.
std::string default_network(const checkpoint::Weights& weights, const std::string& where) {
  const std::set<std::string> networks = networks_of(weights);
  for (const char* usual : {"G_ema", "G"}) {
    if (networks.contains(usual)) return usual;
  }
  if (networks.size() == 1) return *networks.begin();
  throw ConfigError("--network is needed: " + where + " has " + known_networks(weights));
}

/// Names and conventions of another program, in place of tensors and metadata.
void rename(const models::ForeignLayout& layout, const checkpoint::Weights& weights,
            TensorMap& tensors, checkpoint::Metadata& metadata) {
  if (weights.recipe != layout.recipe) {
    throw ConfigError("--layout " + std::string(layout.name) + " is for networks of --model " +
                      std::string(layout.recipe) + ", these are of --model " + weights.recipe);
  }
  try {
    models::ForeignFile file =
        layout.to({metadata.at("network"), metadata.at("architecture"), weights.images, tensors});
    tensors = std::move(file.tensors);
    metadata = std::move(file.metadata);
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
}

}  // namespace

ExitCode export_command(const Arguments& arguments) {
  std::string folder, out, network, layout = "pgan";
  std::string layouts = "names and conventions: pgan (docs/formats.md)";
  for (const models::ForeignLayout& one : models::layouts())
    layouts.append(", ").append(one.name).append(" (").append(one.summary).append(")");
  const auto visit = [&](OptionVisitor& visitor) {
    visitor.field("checkpoint", folder, "a checkpoint's folder, or a run's");
    visitor.field("out", out, "safetensors file to write; an older one is replaced");
    visitor.field("network", network,
                  "which part, like G_ema, G or D, or all of them; default: G_ema where there is "
                  "one, else G");
    visitor.field("layout", layout, layouts);
  };
  if (!parse_command(arguments, "pgan-checkpoint export DIR --out FILE.safetensors [options]",
                     visit, {"checkpoint"})) {
    return ExitCode::ok;
  }
  const std::string example = "pgan-checkpoint export checkpoints/00001 --out g.safetensors";
  require_option("the checkpoint's folder", folder, example);
  require_option("--out", out, example);
  const models::ForeignLayout* foreign = layout == "pgan" ? nullptr : &models::find_layout(layout);
  require_place("--out", out);
  const checkpoint::Weights weights = checkpoint::read_weights(folder);
  if (network.empty()) network = default_network(weights, folder);
  TensorMap tensors = select(weights, network, folder);
  checkpoint::Metadata metadata =
      checkpoint::export_metadata(weights, network == "all" ? "" : network);
  if (foreign != nullptr) rename(*foreign, weights, tensors, metadata);
  checkpoint::write_safetensors(out, tensors, metadata);
  std::printf("%s: %zu tensors of %s at %lldx%lld, kimg %.3f, from %s\n", out.c_str(),
              tensors.size(), network.c_str(), static_cast<long long>(weights.growth.resolution),
              static_cast<long long>(weights.growth.resolution),
              static_cast<double>(weights.images) / 1000, folder.c_str());
  return ExitCode::ok;
}

}  // namespace pgan::apps
