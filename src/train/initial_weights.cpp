#include "train/initial_weights.h"

#include <utility>

#include "core/error.h"

namespace pgan::train {
namespace {

/// A network's part of the state: which of the given parts may fill it, the best first.
struct Part {
  std::string name;
  std::vector<std::string> sources;
};

std::vector<Part> parts_of(const models::Recipe& recipe, const std::string& set, bool averages) {
  std::vector<Part> parts{{set, {set, set + "_ema"}}};
  if (!averages) return parts;
  for (const std::string& averaged : recipe.averaged_sets()) {
    if (averaged == set) parts.push_back({set + "_ema", {set + "_ema", set}});
  }
  return parts;
}

/// The first source that has any tensor; empty: none.
std::string source_of(const Part& part, const TensorMap& given) {
  for (const std::string& source : part.sources) {
    const auto at = given.lower_bound(source + "/");
    if (at != given.end() && at->first.starts_with(source + "/")) return source;
  }
  return "";
}

}  // namespace

InitialWeights initial_weights(const checkpoint::Weights& weights, models::Recipe& grown,
                               bool averaged, const std::string& where) {
  InitialWeights result;
  for (const auto& [set, parameters] : grown.parameter_sets()) {
    for (const Part& part : parts_of(grown, set, averaged)) {
      const std::string source = source_of(part, weights.tensors);
      std::size_t taken = 0;
      for (const auto& [name, parameter] : parameters) {
        const auto given = weights.tensors.find(source + "/" + name);
        if (source.empty() || given == weights.tensors.end()) continue;
        if (given->second.sizes() != parameter.sizes()) {
          throw ConfigError("--init-from " + where + " does not fit: " + given->first + " is " +
                            c10::str(given->second.sizes()) + ", this model's is " +
                            c10::str(parameter.sizes()) +
                            "; leave out the options of the networks, or give those of the file");
        }
        result.tensors[part.name + "/" + name] = given->second;
        ++taken;
      }
      result.summary += (result.summary.empty() ? "" : ", ") + part.name + " " +
                        std::to_string(taken) + " of " + std::to_string(parameters.size()) +
                        " tensors" + (taken > 0 ? " from " + source : " (begins at random)");
    }
  }
  if (result.tensors.empty()) {
    throw ConfigError("--init-from " + where + " holds nothing for this model: found " +
                      (weights.tensors.empty() ? "no tensor" : weights.tensors.begin()->first));
  }
  return result;
}

}  // namespace pgan::train
