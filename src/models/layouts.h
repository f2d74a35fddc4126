#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "core/types.h"

namespace pgan::models {

/// Networks outside a run, as an exported file holds them (docs/formats.md).
struct ExportedNetworks {
  std::string network;       ///< "G_ema"; empty: several, tensors with the name in front, "G/…"
  std::string architecture;  ///< Recipe::architecture() with "recipe", "resolution" and "alpha"
  std::int64_t images = 0;   ///< the clock when they were taken
  TensorMap tensors;
};

/// A file of another program.
struct ForeignFile {
  TensorMap tensors;
  std::map<std::string, std::string> metadata;
};

/// Names and conventions of another program for the networks of one of our models.
struct ForeignLayout {
  std::string_view name;
  std::string_view summary;
  std::string_view recipe;  ///< the model whose networks these are
  /// Throws ConfigError for a network that has no such layout, DataError for tensors that do not
  /// fit the architecture.
  ForeignFile (*to)(const ExportedNetworks& networks);
  /// Throws DataError naming what is missing, left over or of a shape that does not fit.
  ExportedNetworks (*from)(const ForeignFile& file);
};
/// The table of all layouts (layouts.cpp).
std::span<const ForeignLayout> layouts();

/// Throws ConfigError listing the names that exist.
const ForeignLayout& find_layout(std::string_view name);

}  // namespace pgan::models
