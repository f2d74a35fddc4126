#include <cstdio>
#include <set>

#include "apps/pgan_checkpoint/commands.h"
#include "checkpoint/weights.h"
#include "core/error.h"
#include "models/gan_zoo.h"

namespace pgan::apps {
namespace {

std::string known_networks(const checkpoint::Weights& weights) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : weights.tensors) names.insert(std::string(network_of(name)));
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
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

/// pytorch_GAN_zoo's names and conventions; its alpha runs the other way.
TensorMap in_gan_zoo(const TensorMap& tensors, const std::string& network,
                     checkpoint::Metadata& metadata, const checkpoint::Weights& weights) {
  if (network == "all") {
    throw ConfigError("--layout gan-zoo holds one network: give --network G_ema, G or D");
  }
  const bool generator = network != "D";
  TensorMap theirs;
  try {
    theirs = models::to_gan_zoo({generator, metadata.at("architecture"), tensors});
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
  char alpha[32];
  std::snprintf(alpha, sizeof alpha, "%.17g", 1 - weights.growth.alpha);
  metadata = {{"layout", "gan-zoo"},
              {"network", generator ? "netG" : "netD"},
              {"alpha", alpha},
              {"images", std::to_string(weights.images)}};
  return theirs;
}

}  // namespace

ExitCode export_command(const Arguments& arguments) {
  std::string folder, out, network = "G_ema", layout = "pgan";
  const auto visit = [&](OptionVisitor& visitor) {
    visitor.field("checkpoint", folder, "a checkpoint's folder, or a run's");
    visitor.field("out", out, "safetensors file to write; an older one is replaced");
    visitor.field("network", network, "which part: G_ema, G, D, or all of them");
    visitor.field("layout", layout,
                  "names and conventions: pgan (docs/formats.md), or gan-zoo (pytorch_GAN_zoo's "
                  "progressive networks)");
  };
  if (!parse_command(arguments, "pgan-checkpoint export DIR --out FILE.safetensors [options]",
                     visit, {"checkpoint"})) {
    return ExitCode::ok;
  }
  const std::string example = "pgan-checkpoint export checkpoints/00001 --out g.safetensors";
  require_option("the checkpoint's folder", folder, example);
  require_option("--out", out, example);
  if (layout != "pgan" && layout != "gan-zoo") {
    throw ConfigError("--layout " + layout + ": expected pgan or gan-zoo");
  }
  require_place(out);
  const checkpoint::Weights weights = checkpoint::read_weights(folder);
  TensorMap tensors = select(weights, network, folder);
  checkpoint::Metadata metadata =
      checkpoint::export_metadata(weights, network == "all" ? "" : network);
  if (layout == "gan-zoo") tensors = in_gan_zoo(tensors, network, metadata, weights);
  checkpoint::write_safetensors(out, tensors, metadata);
  std::printf("%s: %zu tensors of %s at %lldx%lld, kimg %.3f, from %s\n", out.c_str(),
              tensors.size(), network.c_str(), static_cast<long long>(weights.growth.resolution),
              static_cast<long long>(weights.growth.resolution),
              static_cast<double>(weights.images) / 1000, folder.c_str());
  return ExitCode::ok;
}

}  // namespace pgan::apps
