#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

#include "apps/cli.h"
#include "checkpoint/load.h"
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
  std::string checkpoint, out, seeds = "0-15", network = "ema", device = "auto";
  std::int64_t columns = 0;

  void visit(OptionVisitor& visitor) {
    visitor.group("Options");
    visitor.field("checkpoint", checkpoint,
                  "a checkpoint's folder, or a run's (its newest whole one)");
    visitor.field("out", out, "the sheet to write, a PNG file");
    visitor.field("seeds", seeds, "one image a seed: 0-15, or 3,7,20-29");
    visitor.field("network", network,
                  "ema (the moving average) or raw (the weights being trained)");
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

/// The recipe as it was when the checkpoint was written, with averaged or raw weights.
std::unique_ptr<models::Recipe> load_recipe(const checkpoint::Found& found, bool averaged,
                                            torch::Device device) {
  const auto options = models::find_recipe(found.manifest.recipe).options();
  OptionSet([&](OptionVisitor& visitor) { options->visit(visitor); }).assign(found.manifest.config);
  options->validate();
  auto recipe = options->make({0, found.manifest.growth.resolution, torch::kFloat32, device});
  recipe->grow(found.manifest.growth);
  const torch::NoGradGuard no_grad;
  auto sets = recipe->parameter_sets();
  for (const std::string& set : recipe->averaged_sets()) {
    const std::string prefix = set + (averaged ? "_ema/" : "/");
    const TensorMap tensors = checkpoint::read_tensors(found, prefix);
    for (auto& [name, parameter] : sets.at(set)) {
      const auto source = tensors.find(prefix + name);
      if (source == tensors.end() || source->second.sizes() != parameter.sizes()) {
        throw CheckpointError(found.folder.string() + " has no " + prefix + name +
                              " of the expected shape");
      }
      parameter.copy_(source->second);
    }
  }
  return recipe;
}

/// Each image depends on its own seed alone: the seed stands for the global row.
torch::Tensor draw(models::Recipe& recipe, const Growth& growth,
                   const std::vector<std::int64_t>& seeds, torch::Device device) {
  std::vector<torch::Tensor> images;
  for (std::size_t begin = 0; begin < seeds.size(); begin += kBatch) {
    const std::size_t end = std::min(begin + kBatch, seeds.size());
    RowShare rows{{seeds.begin() + static_cast<std::ptrdiff_t>(begin),
                   seeds.begin() + static_cast<std::ptrdiff_t>(end)},
                  static_cast<std::int64_t>(end - begin)};
    Noise noise(0, 0, "sample", rows, torch::TensorOptions(torch::kFloat32).device(device));
    images.push_back(recipe.sample(growth, noise).cpu());
  }
  return torch::cat(images);
}

ExitCode sample_main(const Arguments& arguments) {
  SampleOptions options;
  const OptionSet set([&](OptionVisitor& visitor) { options.visit(visitor); });
  if (wants_help(arguments)) {
    std::printf(
        "pgan-sample: images from a checkpoint. Defaults in [brackets].\n\n"
        "  pgan-sample --checkpoint RUN --out sheet.png --seeds 0-15\n%s",
        set.help().c_str());
    return ExitCode::ok;
  }
  set.assign(set.parse_command_line(arguments));
  if (options.checkpoint.empty())
    throw ConfigError("--checkpoint is missing: a checkpoint's or a run's folder");
  if (!options.out.ends_with(".png"))
    throw ConfigError("--out '" + options.out + "': expected a file that ends in .png");
  if (options.network != "ema" && options.network != "raw") {
    throw ConfigError("--network " + options.network + ": expected ema or raw");
  }
  if (options.columns < 0) throw ConfigError("--columns: expected 0 or more");
  const std::vector<std::int64_t> seeds = parse_seeds(options.seeds);
  const torch::Device device = resolve_device(options.device, 0);
  const checkpoint::Found found =
      checkpoint::open_newest(options.checkpoint, checkpoint::Depth::contents);
  const auto recipe = load_recipe(found, options.network == "ema", device);
  const torch::Tensor images = draw(*recipe, found.manifest.growth, seeds, device);
  report::GridOptions grid;
  grid.columns = options.columns;
  report::write_png(options.out, report::make_grid(images, grid));
  std::printf("%s: %zu images of %lldx%lld from %s\n", options.out.c_str(), seeds.size(),
              static_cast<long long>(images.size(3)), static_cast<long long>(images.size(3)),
              found.folder.string().c_str());
  return ExitCode::ok;
}

}  // namespace
}  // namespace pgan::apps

int main(int argc, char** argv) {
  return pgan::apps::run_serial("pgan-sample", argc, argv, pgan::apps::sample_main);
}
