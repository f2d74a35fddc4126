#include "models/classifier.h"
#include "models/progressive.h"
#include "models/recipe.h"
#include "models/stargan.h"

#include "core/error.h"

namespace pgan::models {
namespace {

constexpr RecipeEntry kRecipes[] = {
    {"classifier", "tells a picture's labels: a judge for translations", classifier_options},
    {"progressive", "Progressive GAN, WGAN-GP, grown from 4x4 to 1024x1024", progressive_options},
    {"stargan", "StarGAN: translates pictures between labels", stargan_options},
};

}  // namespace

std::span<const RecipeEntry> recipes() {
  return kRecipes;
}

const RecipeEntry& find_recipe(std::string_view name) {
  std::string known;
  for (const RecipeEntry& entry : recipes()) {
    if (entry.name == name) return entry;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw ConfigError("--model " + std::string(name) + ": no such model; there is " + known);
}

std::map<std::string, NamedParameters> Recipe::parameter_sets() {
  std::map<std::string, NamedParameters> sets;
  for (const auto& [name, network] : networks()) {
    for (const auto& item : network->named_parameters())
      sets[name].emplace_back(item.key(), item.value());
  }
  return sets;
}

}  // namespace pgan::models
