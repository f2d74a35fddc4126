#pragma once
#include <memory>

#include "models/recipe.h"

namespace pgan::models {

/// Row of the table for `--model classifier`: tells the labels of pictures, and makes none.
std::unique_ptr<RecipeOptions> classifier_options();

/// Weights [2,count()] of the values 0 and 1 of each attribute that make both count the same in
/// all: 0.5 / share of the value, 8 at most. float32.
torch::Tensor balancing_weights(const LabelSets& labels);

}  // namespace pgan::models
