#pragma once
#include <string>

#include "apps/pgan_train/training_data.h"
#include "models/recipe.h"
#include "train/schedule.h"

namespace pgan::apps {

/// What --dry-run prints: the phases, with minibatch, learning rate and size of the networks.
/// recipe: newly made; it is grown to the end.
std::string plan_text(const Packs& packs, const train::Schedule& schedule, models::Recipe& recipe,
                      int ranks, std::int64_t threads, torch::Device device);

}  // namespace pgan::apps
