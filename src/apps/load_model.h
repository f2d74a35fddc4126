#pragma once
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "checkpoint/weights.h"
#include "models/recipe.h"

namespace pgan::apps {

/// A trained model, ready for use.
struct LoadedModel {
  std::unique_ptr<models::Recipe> recipe;
  std::string network;               ///< what was loaded of the averaged set: "G_ema" or "G"
  std::vector<std::string> missing;  ///< parameter sets the weights lack: still as initialised
};

/// Builds the model of these weights. network: "ema" (the moving average), "raw" (the weights as
/// trained), or "auto" (the average where there is one); it counts for the sets that are averaged,
/// others are loaded as trained, or named in `missing`. where: for messages. data: as
/// ModelContext::data. Throws ConfigError for another `network` or an average that is not there,
/// CheckpointError for weights that are not the model's.
LoadedModel load_model(const checkpoint::Weights& weights, const std::string& network,
                       const std::string& where, torch::Device device,
                       const std::vector<models::DataFacts>& data = {});

}  // namespace pgan::apps
