#pragma once
#include <memory>

#include "models/recipe.h"

namespace pgan::models {

/// Row of the table for `--model progressive` (Karras et al. 2018, arXiv 1710.10196).
std::unique_ptr<RecipeOptions> progressive_options();

/// paper, published-1 … published-8 and demo.
std::vector<Preset> progressive_presets();

/// The smallest published preset that fits a rank count; past 8, or for counts that divide none,
/// base 4 x ranks by the same pattern.
Preset progressive_preset_for_ranks(int ranks);

}  // namespace pgan::models
