#pragma once
#include <memory>

#include "models/recipe.h"

namespace pgan::models {

/// Row of the table for the model that docs/adding-a-model.md shows.
std::unique_ptr<RecipeOptions> denoiser_options();

}  // namespace pgan::models
