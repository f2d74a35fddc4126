#include <cstdio>

#include <nlohmann/json.hpp>

#include "apps/pgan_checkpoint/commands.h"
#include "checkpoint/load.h"
#include "checkpoint/safetensors.h"
#include "core/error.h"

namespace pgan::apps {
namespace {

/// The model's own description, with the growth of this checkpoint, as one JSON text.
std::string architecture_of(const checkpoint::Manifest& manifest) {
  using Json = nlohmann::json;
  const auto described = manifest.extra.find("architecture");
  Json architecture = described == manifest.extra.end()
                          ? Json::object()
                          : Json::parse(described->second, nullptr, false);
  if (!architecture.is_object()) {
    throw CheckpointError("the manifest's architecture is no JSON object: it cannot be exported");
  }
  architecture["recipe"] = manifest.recipe;
  architecture["resolution"] = manifest.growth.resolution;
  architecture["alpha"] = manifest.growth.alpha;
  return architecture.dump();
}

std::string known_networks(const checkpoint::Manifest& manifest) {
  std::string names;
  for (const auto& [network, size] : network_sizes(manifest)) {
    if (!names.empty()) names += ", ";
    names += network;
  }
  return names;
}

}  // namespace

ExitCode export_command(const Arguments& arguments) {
  std::string folder, out, network = "G_ema";
  const auto visit = [&](OptionVisitor& visitor) {
    visitor.field("checkpoint", folder, "a checkpoint's folder, or a run's");
    visitor.field("out", out, "safetensors file to write; an older one is replaced");
    visitor.field("network", network, "which part: G_ema, G, D (info lists all)");
  };
  if (!parse_command(arguments, "pgan-checkpoint export DIR --out FILE.safetensors [options]",
                     visit, {"checkpoint"})) {
    return ExitCode::ok;
  }
  const std::string example = "pgan-checkpoint export checkpoints/00001 --out g.safetensors";
  require_option("the checkpoint's folder", folder, example);
  require_option("--out", out, example);
  const checkpoint::Found found = checkpoint::open_newest(folder, checkpoint::Depth::contents);
  const std::string prefix = network + "/";
  TensorMap tensors;
  std::int64_t elements = 0;
  for (const auto& [name, tensor] : checkpoint::read_tensors(found, prefix)) {
    tensors[name.substr(prefix.size())] = tensor;
    elements += tensor.numel();
  }
  if (tensors.empty()) {
    throw CheckpointError(found.folder.string() + " has no network " + network +
                          ": expected one of " + known_networks(found.manifest));
  }
  const checkpoint::Metadata metadata = {{"architecture", architecture_of(found.manifest)},
                                         {"images", std::to_string(found.manifest.progress.images)},
                                         {"network", network}};
  checkpoint::write_safetensors(out, tensors, metadata);
  std::printf("%s: %zu tensors, %lld elements of %s at %s\n", out.c_str(), tensors.size(),
              static_cast<long long>(elements), network.c_str(), found.folder.c_str());
  return ExitCode::ok;
}

}  // namespace pgan::apps
