#include "models/stargan_layout.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <set>
#include <vector>

#include <torch/torch.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/option_set.h"
#include "models/label_sets.h"

namespace pgan::models {
namespace {

using Shape = std::vector<std::int64_t>;
using Shapes = std::map<std::string, Shape>;

constexpr std::int64_t kMostPixels = 1 << 16, kMostWidth = 1 << 12, kMostLayers = 10,
                       kMostBlocks = 100;
constexpr std::int64_t kPublishedWidth = 64, kPublishedBlocks = 6, kPublishedLayers = 6;
constexpr std::array<std::string_view, 3> kStatistics = {".running_mean", ".running_var",
                                                         ".num_batches_tracked"};

/// What the shapes and the metadata tell of the networks.
struct Sizes {
  std::int64_t labels = 0, resolution = 0;
  std::int64_t generator_width = kPublishedWidth, residual_blocks = kPublishedBlocks;
  std::int64_t discriminator_width = kPublishedWidth, discriminator_layers = kPublishedLayers;
};

/// sizes: sane, as all_within() checks.
Shapes generator_shapes(const Sizes& sizes) {
  const std::int64_t width = sizes.generator_width;
  Shapes shapes;
  const auto add = [&](const std::string& layer, Shape conv, const std::string& norm,
                       std::int64_t out) {
    shapes[layer + ".weight"] = std::move(conv);
    shapes[norm + ".weight"] = shapes[norm + ".bias"] = {out};
  };
  add("main.0", {width, 3 + sizes.labels, 7, 7}, "main.1", width);
  add("main.3", {width * 2, width, 4, 4}, "main.4", width * 2);
  add("main.6", {width * 4, width * 2, 4, 4}, "main.7", width * 4);
  std::int64_t number = 9;
  for (std::int64_t i = 0; i < sizes.residual_blocks; ++i, ++number) {
    const std::string block = "main." + std::to_string(number) + ".main.";
    add(block + "0", {width * 4, width * 4, 3, 3}, block + "1", width * 4);
    add(block + "3", {width * 4, width * 4, 3, 3}, block + "4", width * 4);
  }
  for (const std::int64_t out : {width * 2, width}) {
    add("main." + std::to_string(number), {out * 2, out, 4, 4},
        "main." + std::to_string(number + 1), out);
    number += 3;
  }
  shapes["main." + std::to_string(number) + ".weight"] = {3, width, 7, 7};
  return shapes;
}

Shapes discriminator_shapes(const Sizes& sizes) {
  Shapes shapes;
  std::int64_t in = 3, out = sizes.discriminator_width;
  for (std::int64_t i = 0; i < sizes.discriminator_layers; ++i, in = out, out *= 2) {
    const std::string layer = "main." + std::to_string(2 * i);
    shapes[layer + ".weight"] = {out, in, 4, 4};
    shapes[layer + ".bias"] = {out};
  }
  const std::int64_t side = sizes.resolution >> sizes.discriminator_layers;
  shapes["conv1.weight"] = {1, in, 3, 3};
  shapes["conv2.weight"] = {sizes.labels, in, side, side};
  return shapes;
}

void require_same(const std::string& network, const TensorMap& tensors, const Shapes& expected) {
  for (const auto& [name, shape] : expected) {
    const auto found = tensors.find(name);
    const std::string full = network + "." + name;
    if (found == tensors.end()) throw DataError("the network has no tensor " + full);
    if (found->second.sizes().vec() != shape) {
      throw DataError("tensor " + full + " is " + c10::str(found->second.sizes()) + ", expected " +
                      c10::str(torch::IntArrayRef(shape)) + " beside the others");
    }
  }
  for (const auto& [name, tensor] : tensors) {
    if (!expected.contains(name))
      throw DataError("a tensor that is not StarGAN's: " + network + "." + name);
    if (!tensor.is_floating_point() || !tensor.isfinite().all().item<bool>())
      throw DataError("tensor " + network + "." + name + " has values that are no finite numbers");
  }
}

std::int64_t within(const std::string& what, std::int64_t value, std::int64_t least,
                    std::int64_t most) {
  if (value >= least && value <= most) return value;
  throw DataError(what + " is " + std::to_string(value) + ", expected " + std::to_string(least) +
                  " to " + std::to_string(most));
}

/// A convolution's shape.
Shape shape_of(const std::string& network, const TensorMap& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.dim() != 4)
    throw DataError("no convolution " + network + "." + name +
                    ": expected StarGAN's networks as convert_stargan.py writes them");
  return found->second.sizes().vec();
}

std::int64_t count_of(const TensorMap& tensors, std::string_view begin, std::string_view end) {
  return std::ranges::count_if(tensors, [&](const auto& item) {
    return item.first.starts_with(begin) && item.first.ends_with(end);
  });
}

void read_generator(const TensorMap& tensors, Sizes& sizes) {
  const Shape first = shape_of("G", tensors, "main.0.weight");
  if (first[1] != 3 + sizes.labels) {
    throw DataError("tensor G.main.0.weight takes " + std::to_string(first[1]) +
                    " channels, expected 3 and " + std::to_string(sizes.labels) +
                    ", one for each of the attributes in the metadata");
  }
  sizes.generator_width = within("the width of G", first[0], 1, kMostWidth);
  sizes.residual_blocks = within("the number of residual blocks",
                                 count_of(tensors, "main.", ".main.0.weight"), 0, kMostBlocks);
  require_same("G", tensors, generator_shapes(sizes));
}

void read_discriminator(const TensorMap& tensors, Sizes& sizes) {
  sizes.discriminator_width =
      within("the width of D", shape_of("D", tensors, "main.0.weight")[0], 1, kMostWidth);
  sizes.discriminator_layers =
      within("the number of layers of D", count_of(tensors, "main.", ".weight"), 1, kMostLayers);
  const std::int64_t side = shape_of("D", tensors, "conv2.weight")[2];
  if (side < 1 || side > kMostPixels || side << sizes.discriminator_layers != sizes.resolution) {
    throw DataError("D has " + std::to_string(sizes.discriminator_layers) +
                    " layers and a kernel of " + std::to_string(side) +
                    " pixels at the end, expected them to make the resolution in the metadata, " +
                    std::to_string(sizes.resolution));
  }
  require_same("D", tensors, discriminator_shapes(sizes));
}

const std::string& entry_of(const ForeignFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  if (found != file.metadata.end()) return found->second;
  throw DataError("no " + key +
                  " in the metadata: expected a file of convert_stargan.py (python/pgan_torch)");
}

std::int64_t resolution_of(const ForeignFile& file) {
  const std::string& text = entry_of(file, "resolution");
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 4 ||
      value > kMostPixels || !std::has_single_bit(static_cast<std::uint64_t>(value))) {
    throw DataError("resolution '" + text.substr(0, 20) +
                    "' in the metadata: expected a power of two from 4 to " +
                    std::to_string(kMostPixels));
  }
  return value;
}

/// Of our own files' "labels", or the names in "attributes" that others have. Throws DataError also
/// where a name stands for several, as "age:18:45" does.
LabelSets labels_of(const ForeignFile& file) {
  const std::string& text = entry_of(file, "attributes");
  LabelOptions options{{text}, {}, {}};
  try {
    if (const auto whole = file.metadata.find("labels"); whole != file.metadata.end()) {
      OptionSet([&](OptionVisitor& visitor) {
        options.visit(visitor);
      }).assign(LabelSets::values_from(whole->second));
    }
    LabelSets labels(options, {});
    if (labels.sets() == 1 && labels.count() == std::ranges::count(text, ',') + 1) return labels;
  } catch (const ConfigError&) {
  }
  throw DataError("attributes '" + text.substr(0, 200) +
                  "' in the metadata: expected names, each once, with commas between them");
}

/// Parameters of the file by network: "G", "D".
std::map<std::string, TensorMap> split(const TensorMap& tensors) {
  const auto lettered = [](const std::string& name) {
    return name.starts_with("G.") || name.starts_with("D.");
  };
  const bool bare =
      std::ranges::none_of(tensors, [&](const auto& item) { return lettered(item.first); });
  const std::string only = tensors.contains("conv2.weight") ? "D" : "G";
  std::map<std::string, TensorMap> networks;
  for (const auto& [name, tensor] : tensors) {
    if (std::ranges::any_of(kStatistics, [&](std::string_view s) { return name.ends_with(s); }))
      continue;
    if (!bare && !lettered(name))
      throw DataError("tensor " + name + ": expected names with G. or D. in front");
    networks[bare ? only : name.substr(0, 1)][bare ? name : name.substr(2)] = tensor;
  }
  return networks;
}

nlohmann::json parsed(const std::string& architecture) {
  const auto json = nlohmann::json::parse(architecture, nullptr, false);
  if (json.is_object() && json.value("model", "") == "stargan" && json.contains("labels"))
    return json;
  throw ConfigError("only networks of --model stargan can be written for --layout stargan");
}

}  // namespace

ForeignFile to_stargan(const ExportedNetworks& networks) {
  const auto json = parsed(networks.architecture);
  const bool generator = networks.network == "G" || networks.network == "G_ema";
  if (!generator && networks.network != "D")
    throw ConfigError("--layout stargan holds one network: give --network G, G_ema or D");
  ForeignFile file{networks.tensors, {}};
  for (const auto& [name, tensor] : networks.tensors) {
    if (!generator || tensor.dim() != 1 || !name.ends_with(".weight")) continue;
    const std::string norm = name.substr(0, name.size() - std::string_view(".weight").size());
    file.tensors[norm + ".running_mean"] = torch::zeros_like(tensor);
    file.tensors[norm + ".running_var"] = torch::ones_like(tensor);
    file.tensors[norm + ".num_batches_tracked"] = torch::zeros({}, torch::kInt64);
  }
  std::string attributes;
  try {
    if (json.at("labels").size() != 1)
      throw ConfigError("--layout stargan holds networks of one data set: this model knows " +
                        std::to_string(json.at("labels").size()));
    for (const auto& set : json.at("labels")) {
      for (const std::string name : set.at("attributes"))
        attributes.append(attributes.empty() ? "" : ",").append(name);
    }
    file.metadata = {{"format", "stargan"},
                     {"network", generator ? "G" : "D"},
                     {"attributes", attributes},
                     {"labels", json.at("labels").dump()},
                     {"resolution", std::to_string(json.at("resolution").get<std::int64_t>())},
                     {"images", std::to_string(networks.images)}};
  } catch (const nlohmann::json::exception&) {
    throw DataError("an architecture that cannot be read: expected labels and resolution");
  }
  return file;
}

ExportedNetworks from_stargan(const ForeignFile& file) {
  const LabelSets labels = labels_of(file);
  Sizes sizes{labels.width(), resolution_of(file)};
  const auto found = split(file.tensors);
  if (found.empty()) throw DataError("it holds no tensor: expected StarGAN's G or D, or both");
  if (found.contains("G")) read_generator(found.at("G"), sizes);
  const int halvings = std::countr_zero(static_cast<std::uint64_t>(sizes.resolution));
  sizes.discriminator_layers = std::min<std::int64_t>(kPublishedLayers, halvings);
  if (found.contains("D")) read_discriminator(found.at("D"), sizes);
  ExportedNetworks networks;
  for (const auto& [network, tensors] : found) {
    for (const auto& [name, tensor] : tensors)
      networks.tensors[network + "/" + name] = tensor.to(torch::kFloat32);
  }
  networks.architecture = nlohmann::ordered_json{
      {"model", "stargan"},
      {"recipe", "stargan"},
      {"generator_width", sizes.generator_width},
      {"discriminator_width", sizes.discriminator_width},
      {"residual_blocks", sizes.residual_blocks},
      {"discriminator_layers", sizes.discriminator_layers},
      {"labels", nlohmann::ordered_json::parse(labels.json())},
      {"resolution", sizes.resolution},
      {"alpha", 1.0}}.dump();
  return networks;
}

}  // namespace pgan::models
