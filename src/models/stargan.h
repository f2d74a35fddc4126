#pragma once
#include <memory>

#include "models/recipe.h"

namespace pgan::models {

/// Row of the table for `--model stargan` (Choi et al. 2018, arXiv 1711.09020).
std::unique_ptr<RecipeOptions> stargan_options();

}  // namespace pgan::models
