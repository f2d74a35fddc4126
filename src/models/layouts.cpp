#include "models/layouts.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "models/gan_zoo.h"
#include "models/stargan_layout.h"

namespace pgan::models {
namespace {

/// Their alpha is the old resolution's weight.
std::string their_alpha(const std::string& architecture) {
  const auto json = nlohmann::json::parse(architecture, nullptr, false);
  char text[32];
  std::snprintf(text, sizeof text, "%.17g",
                1 - (json.is_object() ? json.value("alpha", 1.0) : 1.0));
  return text;
}

ForeignFile gan_zoo_of(const ExportedNetworks& networks) {
  if (networks.network.empty())
    throw ConfigError("--layout gan-zoo holds one network: give --network G_ema, G or D");
  const bool generator = networks.network != "D";
  return {to_gan_zoo({generator, networks.architecture, networks.tensors}),
          {{"layout", "gan-zoo"},
           {"network", generator ? "netG" : "netD"},
           {"alpha", their_alpha(networks.architecture)},
           {"images", std::to_string(networks.images)}}};
}

ExportedNetworks of_gan_zoo(const ForeignFile& file) {
  NamedNetwork network = from_gan_zoo(file.tensors);
  return {network.generator ? "G_ema" : "D", std::move(network.architecture), 0,
          std::move(network.tensors)};
}

constexpr ForeignLayout kLayouts[] = {
    {"gan-zoo", "pytorch_GAN_zoo's progressive networks", "progressive", gan_zoo_of, of_gan_zoo},
    {"stargan", "yunjey/stargan's networks", "stargan", to_stargan, from_stargan},
};

}  // namespace

std::span<const ForeignLayout> layouts() {
  return kLayouts;
}

const ForeignLayout& find_layout(std::string_view name) {
  std::string known;
  for (const ForeignLayout& layout : layouts()) {
    if (layout.name == name) return layout;
    known.append(known.empty() ? "" : ", ").append(layout.name);
  }
  throw ConfigError("--layout " + std::string(name) + ": no such layout; there is " + known);
}

}  // namespace pgan::models
