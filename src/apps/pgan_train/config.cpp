#include "apps/pgan_train/config.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "apps/pgan_train/model_choice.h"
#include "apps/pgan_train/training_data.h"
#include "checkpoint/load.h"
#include "checkpoint/weights.h"
#include "core/duration.h"
#include "core/log.h"
#include "report/ratings.h"

namespace pgan::apps {
namespace fs = std::filesystem;
namespace {

/// Options that may differ between the parts of one run: places, length, intervals, resources.
constexpr std::string_view kFree[] = {"config",
                                      "run",
                                      "resume",
                                      "init-from",
                                      "dry-run",
                                      "override",
                                      "preset",
                                      "data",
                                      "device",
                                      "progress",
                                      "threads",
                                      "total-kimg",
                                      "max-steps",
                                      "tick-kimg",
                                      "snapshot-kimg",
                                      "metrics-kimg",
                                      "metrics-images",
                                      "checkpoint-kimg",
                                      "checkpoint-minutes",
                                      "keep-last",
                                      "keep-every-kimg",
                                      "keep-best",
                                      "loader-threads",
                                      "prefetch",
                                      "prefetch-mib",
                                      "bucket-mib",
                                      "hierarchical",
                                      "stop-after",
                                      "trace",
                                      "replica-check-steps",
                                      "on-nonfinite",
                                      "timeout",
                                      "drain-timeout"};

bool defines_experiment(const std::string& name) {
  return std::ranges::find(kFree, name) == std::end(kFree);
}

OptionSet option_set(TrainConfig& config) {
  return OptionSet([&config](OptionVisitor& visitor) { config.visit(visitor); });
}

TrainConfig config_for(const std::string& model) {
  TrainConfig config;
  config.model = model;
  config.recipe = models::find_recipe(model).options();
  config.schedule.grows = config.recipe->grows();
  const auto defaults = config.recipe->defaults();
  option_set(config).assign({defaults.begin(), defaults.end()});
  return config;
}

OptionValues preset_values(const models::RecipeOptions& recipe, const std::string& name) {
  std::string known;
  for (const models::Preset& preset : recipe.presets()) {
    if (preset.name == name) return {preset.values.begin(), preset.values.end()};
    known += (known.empty() ? "" : ", ") + std::string(preset.name);
  }
  throw ConfigError("--preset " + name + ": no such preset; there is " + known);
}

std::string given(const OptionValues& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? "" : found->second;
}

/// A value in a message.
std::string shown(std::string value) {
  if (value.empty()) return "the default";
  for (std::size_t at = 0; (at = value.find('\n', at)) != std::string::npos;)
    value.replace(at, 1, " and ");
  return value;
}

/// `wanted` (what the user asked for) against `had` (what the run was begun with).
void check_same_experiment(const OptionValues& wanted, const OptionValues& had,
                           const std::string& run) {
  std::string differences;
  for (const auto& [name, value] : wanted) {
    const auto before = had.find(name);
    if (!defines_experiment(name) || before == had.end() || before->second == value) continue;
    if (!differences.empty()) differences += ", ";
    differences +=
        "--" + name + " " + shown(value) + " (the run has " + shown(before->second) + ")";
  }
  if (differences.empty()) return;
  throw ConfigError("cannot resume " + run + " with " + differences +
                    ": these define the experiment; leave them out, begin another run without "
                    "--resume, or insist with --override");
}

/// A run that was killed before its first checkpoint still knows its options.
OptionValues begun_without_checkpoint(TrainConfig& config) {
  const fs::path file = fs::path(config.run) / "config.ini";
  if (config.run.empty() || !fs::exists(file)) return {};
  return option_set(config).parse_config(file);
}

/// What a run to be resumed was begun with; empty for a fresh run.
OptionValues begun_with(const OptionValues& asked, const std::string& model) {
  TrainConfig config = config_for(model);
  option_set(config).assign(asked);
  const ResumePoint point = resume_point(config);
  if (point.folder.empty()) return begun_without_checkpoint(config);
  const checkpoint::Found found =
      checkpoint::open_newest(point.folder, checkpoint::Depth::headers, /*speak=*/false);
  if (found.manifest.recipe != model) {
    throw ConfigError(point.folder + " holds a run of --model " + found.manifest.recipe + ", not " +
                      model + ": choose another --run, or the model that fits");
  }
  OptionValues known;
  const OptionValues all = option_set(config).values();
  for (const auto& [name, value] : found.manifest.config) {
    if (all.contains(name)) known[name] = value;
  }
  return known;
}

/// Text of a value after it went through its field, so that 0.0010 equals 0.001.
OptionValues normalised(const OptionValues& values, const std::string& model) {
  TrainConfig config = config_for(model);
  const OptionSet options = option_set(config);
  options.assign(values);
  OptionValues result, all = options.values();
  for (const auto& [name, value] : values) result[name] = all.at(name);
  return result;
}

void merge_under(OptionValues& values, const OptionValues& lower) {
  values.insert(lower.begin(), lower.end());  // keeps what is there
}

/// Entries of a list option's text.
std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> entries;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) entries.push_back(line);
  return entries;
}

void make_absolute(OptionValues& values, const std::string& name) {
  const auto found = values.find(name);
  if (found == values.end() || found->second.empty()) return;
  std::string absolute;
  for (const std::string& path : split_list(found->second)) {
    absolute += absolute.empty() ? "" : "\n";
    absolute += fs::absolute(path).lexically_normal().string();
  }
  found->second = absolute;
}

bool has_checkpoint(const fs::path& run) {
  return !checkpoint::list(run).empty();
}

std::int64_t final_resolution(const OptionValues& values, const models::RecipeOptions& recipe) {
  const std::string chosen = given(values, "resolution");
  if (!chosen.empty() && chosen != "0") return std::atoll(chosen.c_str());
  const std::vector<std::string> folders = split_list(given(values, "data"));
  return folders.empty() ? 0 : resolution_for(open_packs(folders, recipe), recipe);
}

/// What --init-from implies where nothing else was said: the shape of the networks, and the
/// resolution they had reached.
OptionValues values_of_initial(const OptionValues& values, const models::RecipeOptions& recipe) {
  const std::string file = given(values, "init-from");
  if (file.empty()) return {};
  const checkpoint::Weights weights = checkpoint::read_weights(file);
  auto found = recipe.values_from(weights.architecture);
  OptionValues implied{found.begin(), found.end()};
  if (values.contains("fmap-base") || values.contains("fmap-max")) implied.erase("channels");
  std::int64_t reached = weights.growth.resolution;
  if (weights.growth.fading()) reached = std::max<std::int64_t>(reached / 2, 4);
  if (const std::int64_t end = final_resolution(values, recipe); end > 0)
    reached = std::min(reached, end);
  if (recipe.grows()) implied["start-resolution"] = std::to_string(reached);
  return implied;
}

/// A checkpoint of the run itself, by its path: only the newest can be gone on with there.
void require_newest(const fs::path& run, const fs::path& asked) {
  const fs::path newest = checkpoint::list(run).back().folder;
  std::error_code ignored;
  if (fs::equivalent(asked, newest, ignored) || fs::equivalent(asked, run, ignored)) return;
  if (!fs::equivalent(asked.parent_path(), run, ignored)) return;
  throw ConfigError("--resume " + asked.string() + " is not the newest checkpoint of --run " +
                    run.string() +
                    ": give another --run to branch off there, or move the newer "
                    "ones (" +
                    newest.filename().string() + ") away");
}

}  // namespace

void TrainConfig::visit(OptionVisitor& visitor) {
  visitor.group("What to train");
  visitor.field("model", model,
                "the model (listed at the end); default: that of the run, file or preset given");
  visitor.field(
      "data", data,
      "the pack to train on, a folder made by pgan-data pack; several, one --data each, for "
      "models that learn from more than one");
  visitor.field("split", split,
                "train: leave out what the pack holds out; all: train on everything");
  visitor.field("run", run, "the run's folder; default: the next free number under checkpoints/");
  visitor.field(
      "resume", resume,
      "auto: go on from the run's newest whole checkpoint if there is one; none: a fresh run; or a "
      "checkpoint's or run's folder to start from");
  visitor.field("init-from", init_from,
                "begin with the networks of an exported file or a checkpoint, the clock at 0");
  visitor.field("preset", preset, "a named bundle of settings (listed at the end)");
  visitor.field("config", config, "an INI file of options, e.g. a run's config.ini");
  visitor.field("override", override_run,
                "resume although options that define the experiment differ");
  visitor.field("dry-run", dry_run, "check everything, print the plan, and train nothing");
  schedule.visit(visitor);
  training.visit(visitor);
  visitor.field("stop-after", stop_after,
                "stop with a checkpoint (exit 75) so long after the start, e.g. 3h50m; the next "
                "start goes on");
  visitor.field("progress", progress,
                "auto, bar (one updating line), lines (one a minute) or none");
  if (recipe != nullptr) recipe->visit(visitor);
  visitor.group("Machine");
  visitor.field("device", device, "auto, cpu or cuda");
  visitor.field("precision", precision,
                "fp32; bf16: convolutions in bfloat16 (some models); or fp64, for verification on "
                "the CPU");
  visitor.field("threads", threads,
                "CPU threads a rank computes with; 0: the host's cores shared among its ranks");
  loader.visit(visitor);
  comm.visit(visitor);
  reducer.visit(visitor);
  visitor.group("Checkpoints");
  store.visit(visitor);
}

void TrainConfig::validate() const {
  if (threads < 0 || threads > 1024) {
    throw ConfigError("--threads " + std::to_string(threads) + ": expected 0 (automatic) to 1024");
  }
  if (progress != "auto" && progress != "bar" && progress != "lines" && progress != "none") {
    throw ConfigError("--progress " + progress + ": expected auto, bar, lines or none");
  }
  if (split != "train" && split != "all") {
    throw ConfigError("--split: expected train or all, found '" + split + "'");
  }
  if (!stop_after.empty()) parse_duration("stop-after", stop_after);
  schedule.validate();
  training.validate();
  recipe->validate();
  loader.validate();
  comm.validate();
  reducer.validate();
  store.validate();
  if (!store.keep_best.empty()) report::Ratings(report::RunFolder(run), store.keep_best);
}

OptionValues TrainConfig::lasting_values() {
  OptionValues values = option_set(*this).values();
  for (const char* name : {"run", "resume", "config", "dry-run", "override", "stop-after", "trace"})
    values.erase(name);
  return values;
}

ResumePoint resume_point(const TrainConfig& config) {
  if (config.resume == "none") {
    if (!config.run.empty() && has_checkpoint(config.run)) {
      throw ConfigError(
          "--resume none, but " + config.run +
          " holds checkpoints: choose another --run, or --resume auto to go on with it");
    }
    return {};
  }
  if (config.resume != "auto") {
    if (!fs::is_directory(config.resume)) {
      throw ConfigError("--resume " + config.resume +
                        ": expected auto, none or a checkpoint's or run's folder");
    }
    // The same command, given again after a stop, goes on with the run it began.
    if (!config.run.empty() && has_checkpoint(config.run)) {
      require_newest(config.run, fs::canonical(config.resume));
      return {config.run, true};
    }
    return {config.resume, fs::exists(config.run) && fs::equivalent(config.resume, config.run)};
  }
  if (config.run.empty()) return {};
  if (has_checkpoint(config.run)) return {config.run, true};
  if (const fs::path latest = fs::path(config.run) / "latest"; fs::is_symlink(latest)) {
    throw CheckpointError(
        latest.string() + " points to " + fs::read_symlink(latest).string() +
        ", which is gone: bring the checkpoints back, or remove the link to begin "
        "afresh");
  }
  return {};
}

OptionValues resolve_values(const Arguments& arguments, int ranks) {
  std::string model = chosen_model(arguments);
  TrainConfig shape = config_for(model);
  OptionValues values = option_set(shape).parse_command_line(arguments);
  if (const std::string file = given(values, "config"); !file.empty()) {
    merge_under(values, option_set(shape).parse_config(file));
  }
  for (const char* path : {"data", "run", "init-from"}) make_absolute(values, path);
  if (const std::string resume = given(values, "resume"); resume != "auto" && resume != "none") {
    make_absolute(values, "resume");
  }
  const OptionValues had = begun_with(values, model);
  if (had.empty()) merge_under(values, values_of_initial(values, *shape.recipe));
  if (const std::string preset = given(values, "preset"); !preset.empty()) {
    merge_under(values, preset_values(*shape.recipe, preset));
  }
  values = normalised(values, model);
  if (!had.empty() && given(values, "override") != "true") {
    check_same_experiment(values, had, given(values, values.contains("run") ? "run" : "resume"));
  }
  merge_under(values, had);
  if (had.empty() && !values.contains("preset") && !values.contains("minibatch")) {
    if (const auto preset = shape.recipe->default_preset(ranks)) {
      merge_under(values, {preset->values.begin(), preset->values.end()});
      log_info("no --preset or --minibatch: minibatch " + given(values, "minibatch") + " (" +
               std::string(preset->name) + ", the smallest that fits " + std::to_string(ranks) +
               " rank" + (ranks == 1 ? ")" : "s)"));
    }
  }
  values["model"] = model;
  return values;
}

TrainConfig make_config(const OptionValues& values) {
  TrainConfig config = config_for(given(values, "model"));
  option_set(config).assign(values);
  return config;
}

std::string train_help(const Arguments& arguments) {
  TrainConfig config = config_for(chosen_model(arguments));
  std::string text =
      "pgan-train: trains a GAN on one rank or many. Defaults in [brackets].\n\n"
      "  pgan-train --data PACK                       one rank\n"
      "  mpirun -np 16 pgan-train --data PACK         16 ranks, the same training\n"
      "  mpirun -np 16 pgan-train --run DIR           goes on with a run\n" +
      option_set(config).help() +
      "  --help                      this text\n  --version                   "
      "versions\n\nModels:\n";
  for (const models::RecipeEntry& entry : models::recipes()) {
    text += "  " + std::string(entry.name) + ": " + std::string(entry.summary) + "\n";
  }
  text += "\nPresets of " + config.model + ":\n";
  for (const models::Preset& preset : config.recipe->presets()) {
    text += "  " + std::string(preset.name) + ": " + std::string(preset.summary) + "\n";
  }
  return text +
         "\nExit codes: 0 done, 1 bug, 2 usage, 3 data, 4 checkpoint, 5 communication, 6 diverged, "
         "75 stopped on request after a checkpoint (docs/errors.md).\n";
}

}  // namespace pgan::apps
