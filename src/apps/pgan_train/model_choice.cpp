#include "apps/pgan_train/model_choice.h"

#include <exception>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "checkpoint/load.h"
#include "checkpoint/safetensors.h"
#include "core/option_set.h"
#include "models/recipe.h"

namespace pgan::apps {
namespace fs = std::filesystem;
namespace {

/// An option's value as typed; parsing proper needs to know the model.
std::string typed(const Arguments& arguments, const std::string& name) {
  const std::string option = "--" + name;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].starts_with(option + "=")) return arguments[i].substr(option.size() + 1);
    if (arguments[i] == option && i + 1 < arguments.size()) return arguments[i + 1];
  }
  return "";
}

std::string model_of_config(const fs::path& file) {
  return OptionSet::value_in_config(file, "model");
}

/// Of a run's or a checkpoint's folder.
std::string model_of_folder(const fs::path& folder) {
  if (fs::exists(folder / "config.ini")) return model_of_config(folder / "config.ini");
  return checkpoint::open_newest(folder, checkpoint::Depth::headers, /*speak=*/false)
      .manifest.recipe;
}

std::string model_of_networks(const fs::path& where) {
  if (fs::is_directory(where)) return model_of_folder(where);
  const checkpoint::SafetensorsFile file(where);
  const auto described = file.metadata().find("architecture");
  if (described == file.metadata().end()) return "";
  return nlohmann::json::parse(described->second).value("recipe", "");
}

std::string model_with_preset(const std::string& preset) {
  for (const models::RecipeEntry& entry : models::recipes()) {
    for (const models::Preset& known : entry.options()->presets()) {
      if (known.name == preset) return std::string(entry.name);
    }
  }
  return "";
}

/// Nothing where the file cannot be read or tells nothing: what reads it in earnest says why.
template <class Read>
std::string told_by(const std::string& where, Read read) {
  try {
    return where.empty() || !fs::exists(where) ? "" : read(where);
  } catch (const std::exception&) {
    return "";
  }
}

}  // namespace

std::string chosen_model(const Arguments& arguments) {
  std::string model = typed(arguments, "model");
  if (model.empty()) model = told_by(typed(arguments, "config"), model_of_config);
  if (model.empty()) model = told_by(typed(arguments, "run"), model_of_folder);
  if (model.empty()) model = told_by(typed(arguments, "resume"), model_of_folder);
  if (model.empty()) model = told_by(typed(arguments, "init-from"), model_of_networks);
  if (model.empty()) model = model_with_preset(typed(arguments, "preset"));
  return model.empty() ? "progressive" : model;
}

}  // namespace pgan::apps
