#pragma once
#include <memory>
#include <string>
#include <vector>

#include "data/pack.h"
#include "models/recipe.h"

namespace pgan::apps {

using Packs = std::vector<std::shared_ptr<const data::Pack>>;

/// Throws ConfigError when the model takes fewer data sets, and what Pack::open() throws.
Packs open_packs(const std::vector<std::string>& folders, const models::RecipeOptions& model);

/// What models are told of the data they will see. all_splits: of all records, else of those
/// trained on.
std::vector<models::DataFacts> facts_of(const Packs& packs, bool all_splits);

}  // namespace pgan::apps
