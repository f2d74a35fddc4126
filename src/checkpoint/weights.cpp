#include "checkpoint/weights.h"

#include <bit>
#include <charconv>

#include "checkpoint/json.h"
#include "checkpoint/load.h"
#include "checkpoint/pieces.h"
#include "comm/agree.h"
#include "comm/together.h"
#include "core/error.h"

namespace pgan::checkpoint {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kLargestResolution = 1 << 20;

/// Parts of a checkpoint that are no networks.
bool is_training_state(const std::string& name) {
  return name.starts_with("adam.") || name.starts_with("preview/") || name.starts_with("waiting/");
}

Weights from_checkpoint(const fs::path& where) {
  const Found found = open_newest(where, Depth::contents);
  const Manifest& manifest = found.manifest;
  Weights weights{manifest.recipe, "{}", manifest.growth, manifest.progress.images, {}};
  const auto described = manifest.extra.find("architecture");
  if (described != manifest.extra.end()) weights.architecture = described->second;
  weights.tensors =
      read_tensors(found, [](const std::string& name) { return !is_training_state(name); });
  return weights;
}

std::string entry_of(const Metadata& metadata, const std::string& key, const std::string& where) {
  const auto found = metadata.find(key);
  if (found != metadata.end()) return found->second;
  throw CheckpointError(where + " has no " + key +
                        " in its metadata: expected a file of pgan-checkpoint export or import");
}

std::int64_t parse_images(const std::string& text, const std::string& where) {
  std::int64_t images = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), images);
  if (error != std::errc{} || end != text.data() + text.size() || images < 0) {
    throw CheckpointError(where + ": expected a whole number as images in its metadata; the file " +
                          "is damaged, export it anew");
  }
  return images;
}

/// Sets recipe and growth from the text, and takes them out of it.
void split_architecture(Weights& weights, const std::string& where) {
  Json json = parse_json(weights.architecture, where + " architecture");
  weights.recipe = text(member(json, "recipe", where), where + " recipe");
  check_name(weights.recipe, where + " recipe");
  weights.growth.resolution =
      integer(member(json, "resolution", where), 4, kLargestResolution, where + " resolution");
  weights.growth.alpha = number(member(json, "alpha", where), where + " alpha");
  if (!std::has_single_bit(static_cast<std::uint64_t>(weights.growth.resolution))) {
    throw CheckpointError(where + ": its resolution is no power of two");
  }
  if (!(weights.growth.alpha >= 0 && weights.growth.alpha <= 1)) {
    throw CheckpointError(where + ": alpha is not from 0 to 1");
  }
  for (const char* key : {"recipe", "resolution", "alpha"}) json.erase(key);
  weights.architecture = json.dump();
}

Weights from_file(const fs::path& file) {
  Metadata metadata;
  TensorMap tensors = read_safetensors(file, &metadata);
  const std::string where = file.string();
  Weights weights;
  weights.architecture = entry_of(metadata, "architecture", where);
  split_architecture(weights, where);
  weights.images = parse_images(entry_of(metadata, "images", where), where);
  const std::string network = entry_of(metadata, "network", where);
  for (auto& [name, tensor] : tensors) {
    weights.tensors[network.empty() ? name : network + "/" + name] = std::move(tensor);
  }
  return weights;
}

std::string describe_json(const Weights& weights) {
  Json tensors = Json::object();
  for (const auto& [name, entry] : describe(weights.tensors)) {
    tensors[name] = {{"dtype", dtype_name(entry.dtype)}, {"shape", entry.shape}};
  }
  return Json{{"recipe", weights.recipe},
              {"architecture", weights.architecture},
              {"resolution", weights.growth.resolution},
              {"alpha", weights.growth.alpha},
              {"images", weights.images},
              {"tensors", std::move(tensors)}}
      .dump();
}

/// What rank 0 described, with empty tensors to be filled.
Weights from_description(const std::string& description) {
  const Json json = Json::parse(description);
  Weights weights{json.at("recipe"),
                  json.at("architecture"),
                  {json.at("resolution"), json.at("alpha")},
                  json.at("images"),
                  {}};
  for (const auto& [name, entry] : json.at("tensors").items()) {
    weights.tensors[name] = torch::empty(entry.at("shape").get<std::vector<std::int64_t>>(),
                                         *dtype_of(entry.at("dtype").get<std::string>()));
  }
  return weights;
}

}  // namespace

Weights read_weights(const fs::path& where) {
  std::error_code ignored;
  if (!fs::exists(where, ignored)) throw ConfigError("no such file or folder: " + where.string());
  return fs::is_directory(where, ignored) ? from_checkpoint(where) : from_file(where);
}

Weights read_weights(const fs::path& where, comm::Communicator& host) {
  Weights weights;
  comm::on_rank_0(host, [&] { weights = read_weights(where); });
  const std::string description =
      comm::broadcast_text(host, host.rank() == 0 ? describe_json(weights) : "");
  if (host.rank() != 0) weights = from_description(description);
  for (auto& [name, tensor] : weights.tensors) {
    torch::Tensor bytes = tensor.view({-1}).view(torch::kUInt8);
    if (bytes.numel() > 0) host.broadcast(bytes, 0)->wait();
  }
  return weights;
}

Metadata export_metadata(const Weights& weights, const std::string& network) {
  Json json = parse_json(weights.architecture, "the checkpoint's architecture");
  json["recipe"] = weights.recipe;
  json["resolution"] = weights.growth.resolution;
  json["alpha"] = weights.growth.alpha;
  return {{"architecture", json.dump()},
          {"images", std::to_string(weights.images)},
          {"network", network}};
}

}  // namespace pgan::checkpoint
