#include <charconv>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

#include "apps/load_model.h"
#include "apps/pgan_sample/commands.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/weights.h"
#include "core/device.h"
#include "core/noise.h"
#include "core/option_set.h"
#include "models/recipe.h"
#include "report/sheet.h"

namespace pgan::apps {
namespace {

constexpr std::int64_t kBatch = 16;
constexpr std::int64_t kMostImages = 4096;

struct SampleOptions {
  std::string checkpoint, out, seeds = "0-15", network = "auto", device = "auto";
  std::int64_t columns = 0;

  void visit(OptionVisitor& visitor) {
    visitor.group("Options");
    visitor.field("checkpoint", checkpoint,
                  "a checkpoint's folder, a run's (its newest whole one), or an exported file");
    visitor.field("out", out,
                  "the sheet to write, a .png; or .safetensors: pictures and latents as numbers");
    visitor.field("seeds", seeds, "one image a seed: 0-15, or 3,7,20-29");
    visitor.field(
        "network", network,
        "ema (the moving average), raw (the weights as trained), or auto: ema where there is one");
    visitor.field("columns", columns, "images a row; 0: near square");
    visitor.field("device", device, "auto, cpu or cuda");
  }
};

std::int64_t parse_seed(std::string_view text, const std::string& whole) {
  std::int64_t seed = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc{} || end != text.data() + text.size() || seed < 0) {
    throw ConfigError("--seeds " + whole + ": expected numbers and ranges like 0-15 or 3,7,20-29");
  }
  return seed;
}

std::vector<std::int64_t> parse_seeds(const std::string& text) {
  std::vector<std::int64_t> seeds;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view entry = std::string_view(text).substr(begin, end - begin);
    const std::size_t dash = entry.find('-');
    const std::int64_t first = parse_seed(entry.substr(0, dash), text);
    const std::int64_t last =
        dash == std::string_view::npos ? first : parse_seed(entry.substr(dash + 1), text);
    if (last < first || last - first >= kMostImages ||
        std::ssize(seeds) + last - first >= kMostImages) {
      throw ConfigError("--seeds " + text + ": expected ascending ranges and at most " +
                        std::to_string(kMostImages) + " images");
    }
    for (std::int64_t seed = first; seed <= last; ++seed) seeds.push_back(seed);
    begin = end + 1;
  }
  return seeds;
}

/// Each image depends on its own seed alone: the seed stands for the global row.
/// Returns the pictures as "images" [N,3,R,R] beside what they are made from.
TensorMap draw(models::Recipe& recipe, const Growth& growth, const std::vector<std::int64_t>& seeds,
               torch::Device device) {
  std::map<std::string, std::vector<torch::Tensor>> drawn;
  for (std::size_t begin = 0; begin < seeds.size(); begin += kBatch) {
    const std::size_t end = std::min(begin + kBatch, seeds.size());
    RowShare rows{{seeds.begin() + static_cast<std::ptrdiff_t>(begin),
                   seeds.begin() + static_cast<std::ptrdiff_t>(end)},
                  static_cast<std::int64_t>(end - begin)};
    Noise noise(0, 0, "sample", rows, torch::TensorOptions(torch::kFloat32).device(device));
    const TensorMap inputs = recipe.sample_inputs(noise, {});
    for (const auto& [name, tensor] : inputs) drawn[name].push_back(tensor.cpu());
    drawn["images"].push_back(recipe.sample(inputs, growth).cpu());
  }
  TensorMap result;
  for (const auto& [name, tensors] : drawn) result[name] = torch::cat(tensors);
  return result;
}

void write_images(const SampleOptions& options, const TensorMap& drawn) {
  if (options.out.ends_with(".safetensors")) {
    checkpoint::write_safetensors(options.out, drawn);
    return;
  }
  report::GridOptions grid;
  grid.columns = options.columns;
  report::write_png(options.out, report::make_grid(drawn.at("images"), grid));
}

/// Throws ConfigError for a model that makes no pictures from noise, naming what to use.
void require_noise_model(models::Recipe& recipe, const std::string& name,
                         const std::string& where) {
  if (recipe.translator() != nullptr) {
    throw ConfigError(where + " is a model of " + name +
                      ", which changes pictures instead of inventing them: pgan-sample translate "
                      "--checkpoint " +
                      where + " --input PICTURES --out sheet.png");
  }
  if (recipe.classifier() != nullptr) {
    throw ConfigError(where + " is a model of " + name +
                      ", which tells labels and makes no pictures: it is for pgan-eval");
  }
}

void validate(const SampleOptions& options) {
  if (options.checkpoint.empty())
    throw ConfigError(
        "--checkpoint is missing: a checkpoint's or a run's folder, or an exported file");
  if (!options.out.ends_with(".png") && !options.out.ends_with(".safetensors")) {
    throw ConfigError("--out '" + options.out +
                      "': expected a file that ends in .png, or in .safetensors for the numbers");
  }
  if (options.columns < 0) throw ConfigError("--columns: expected 0 or more");
}

}  // namespace

ExitCode noise_command(const Arguments& arguments) {
  SampleOptions options;
  const std::string about =
      "pgan-sample: images from a checkpoint. Defaults in [brackets].\n\n"
      "  pgan-sample --checkpoint RUN --out sheet.png --seeds 0-15\n"
      "  pgan-sample translate ...   changes pictures by a model of labels (its own --help)\n";
  if (!parse_command(arguments, about, [&](OptionVisitor& visitor) { options.visit(visitor); }))
    return ExitCode::ok;
  validate(options);
  const std::vector<std::int64_t> seeds = parse_seeds(options.seeds);
  const torch::Device device = resolve_device(options.device, 0);
  const checkpoint::Weights weights = checkpoint::read_weights(options.checkpoint);
  const LoadedModel model = load_model(weights, options.network, options.checkpoint, device);
  require_noise_model(*model.recipe, weights.recipe, options.checkpoint);
  const TensorMap drawn = draw(*model.recipe, weights.growth, seeds, device);
  write_images(options, drawn);
  const auto side = static_cast<long long>(weights.growth.resolution);
  std::printf("%s: %zu images of %lldx%lld from %s (%s) at kimg %.3f\n", options.out.c_str(),
              seeds.size(), side, side, options.checkpoint.c_str(), model.network.c_str(),
              static_cast<double>(weights.images) / 1000);
  return ExitCode::ok;
}

}  // namespace pgan::apps
