#pragma once
#include <string>

#include "checkpoint/weights.h"
#include "models/recipe.h"

namespace pgan::train {

/// Weights for Trainer::start_from, and a line for each network on where they come from.
struct InitialWeights {
  TensorMap tensors;  ///< by checkpoint name
  std::string summary;
};

/// What of the given weights a model takes: each of its tensors by name, and a network's average
/// from the network or the reverse where only one is given. Tensors of higher resolutions than the
/// model's are left out; its layers beyond theirs start afresh. grown: the model at its final
/// resolution. Throws ConfigError when nothing or a shape does not fit.
/// averaged: the run keeps averages.
InitialWeights initial_weights(const checkpoint::Weights& weights, models::Recipe& grown,
                               bool averaged, const std::string& where);

}  // namespace pgan::train
