#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "apps/load_model.h"
#include "apps/pgan_sample/columns.h"
#include "apps/pgan_sample/commands.h"
#include "apps/pgan_sample/inputs.h"
#include "apps/pgan_sample/output.h"
#include "checkpoint/weights.h"
#include "core/device.h"
#include "core/error.h"
#include "data/crop.h"

namespace pgan::apps {
namespace {

constexpr std::int64_t kMostPictures = 1000;

constexpr const char* kAbout =
    "pgan-sample translate: changes pictures by a trained model. Defaults in [brackets].\n\n"
    "  pgan-sample translate --checkpoint RUN --input FOLDER --out sheet.png\n"
    "      a row a picture, a column an attribute\n"
    "  pgan-sample translate --checkpoint RUN --input me.jpg --set Blond_Hair=1,Young=0 \\\n"
    "      --strength 0,0.25,0.5,0.75,1 --out sheet.png --each pictures\n";

struct TranslateOptions {
  std::string checkpoint, input, out, each, set, strength, labels, crop = "auto", network = "auto",
                                                                   device = "auto";
  std::int64_t most = 16;

  void visit(OptionVisitor& visitor) {
    visitor.group("Options");
    visitor.field("checkpoint", checkpoint,
                  "a checkpoint's folder, a run's (its newest whole one), or an exported file");
    visitor.field("input", input, "a picture, or a folder of pictures and folders");
    visitor.field("out", out, "the sheet to write, a .png");
    visitor.field("each", each, "folder for one PNG a picture and column as well, or instead");
    visitor.field("set", set,
                  "labels to give all pictures, in one column, 0 to 1 each: "
                  "Blond_Hair=1,Young=0; without: a column for each attribute, changed alone");
    visitor.field("strength", strength,
                  "a column for each of these: labels as far from the picture's own to --set's, 0 "
                  "to 1, as 0,0.25,0.5,0.75,1");
    visitor.field("labels", labels,
                  "what the pictures are, where the model's own opinion is wrong: Male=1,Young=1");
    visitor.field("crop", crop,
                  "center (a portrait: the largest centred square), celeba-128 or celeba-178 (from "
                  "pictures aligned as CelebA's: as the training data was cut), pad (the whole "
                  "picture on black), box:x,y,w,h (pixels: a face anywhere); auto: celeba-128 for "
                  "CelebA's shape, 178:218, else center");
    visitor.field("most", most, "pictures of a folder, the first by name");
    visitor.field("network", network,
                  "ema (the moving average), raw (the weights as trained), or auto: ema where "
                  "there is one");
    visitor.field("device", device, "auto, cpu or cuda");
  }

  void validate() const {
    if (checkpoint.empty())
      throw ConfigError(
          "--checkpoint is missing: a checkpoint's or a run's folder, or an exported file");
    if (input.empty()) throw ConfigError("--input is missing: a picture, or a folder of them");
    if (out.empty() && each.empty())
      throw ConfigError("--out is missing: the sheet to write, like sheet.png (or --each FOLDER)");
    if (!out.empty() && !out.ends_with(".png"))
      throw ConfigError("--out " + out + ": expected a file that ends in .png");
    if (!out.empty()) require_place("--out", out);
    if (!strength.empty() && set.empty())
      throw ConfigError("--strength needs --set: say what to change, like --set Blond_Hair=1");
    if (most < 1 || most > kMostPictures)
      throw ConfigError("--most: expected 1 to " + std::to_string(kMostPictures));
  }
};

models::Translator& translator_of(const LoadedModel& model, const std::string& name,
                                  const std::string& where) {
  if (models::Translator* translator = model.recipe->translator()) return *translator;
  std::string message = where + " is a model of " + name + ", which does not translate pictures";
  if (model.recipe->classifier() == nullptr) {
    message.append("; for pictures from noise: pgan-sample --checkpoint ").append(where);
    message.append(" --out sheet.png");
  }
  throw ConfigError(message);
}

InputPictures read_pictures(const TranslateOptions& options, const data::Crop& crop,
                            std::int64_t resolution) {
  InputPictures inputs = read_inputs(options.input, crop, resolution, options.most);
  for (const std::string& warning : inputs.warnings)
    std::cerr << std::string("warning: left out: ").append(warning).append("\n");
  if (inputs.more) {
    std::printf("the first %lld of %zu pictures; --most N takes more\n",
                static_cast<long long>(options.most), inputs.found);
  }
  return inputs;
}

void print_labels(const InputPictures& inputs, const LabelledPictures& labelled, bool can_recognise,
                  const std::string& recogniser, const std::string& where) {
  if (can_recognise) {
    std::printf("labels of the pictures, as the model sees them (--labels corrects it):\n");
  } else {
    std::printf(
        "%s holds no %s, which tells the pictures' own labels: they count as 0 but for "
        "--labels; a run's folder, or an export with --network all, holds it\n",
        where.c_str(), recogniser.c_str());
  }
  for (std::size_t i = 0; i < inputs.pictures.size(); ++i) {
    const InputPicture& picture = inputs.pictures[i];
    const std::int64_t side = picture.image.size(1);
    std::printf("  %s: %s", picture.name.c_str(),
                labelled.labels_text(static_cast<std::int64_t>(i)).c_str());
    if (picture.cut < side)
      std::printf(" (enlarged from %lld pixels)", static_cast<long long>(picture.cut));
    std::printf("\n");
  }
}

std::string title_of(const LoadedModel& model, const checkpoint::Weights& weights,
                     std::filesystem::path where) {
  if (!where.has_filename()) where = where.parent_path();
  char text[160];
  std::snprintf(text, sizeof text, "%s%s, kimg %.1f, %lldx%lld, ", model.network.c_str(),
                model.network.ends_with("_ema") ? " (moving average)" : " (weights as trained)",
                static_cast<double>(weights.images) / 1000,
                static_cast<long long>(weights.growth.resolution),
                static_cast<long long>(weights.growth.resolution));
  return text + where.filename().string();
}

/// The options that speak of labels, checked against the model's.
struct Request {
  Request(const TranslateOptions& options, const models::LabelSets& labels) {
    if (!options.labels.empty()) given = parse_settings("--labels", options.labels, labels);
    if (!options.strength.empty()) strengths = parse_strengths(options.strength);
    if (options.set.empty()) return;
    settings = parse_settings("--set", options.set, labels);
    set = common_set("--set", settings, labels);
  }
  std::vector<Setting> given, settings;  ///< no settings: each attribute for itself
  std::vector<double> strengths;
  std::int64_t set = 0;
};

void write(const TranslateOptions& options, const std::vector<Column>& columns,
           const InputPictures& inputs, const std::string& title) {
  std::vector<std::string> names;
  for (const InputPicture& picture : inputs.pictures) names.push_back(picture.name);
  if (!options.out.empty()) {
    write_sheet(options.out, columns, names, title);
    std::printf("%s: %zu pictures, %zu columns, from %s\n", options.out.c_str(), names.size(),
                columns.size(), title.c_str());
  }
  if (!options.each.empty()) {
    const std::size_t files = write_each(options.each, columns, names);
    std::printf("%s: %zu files, from %s\n", options.each.c_str(), files, title.c_str());
  }
}

}  // namespace

ExitCode translate_command(const Arguments& arguments) {
  TranslateOptions options;
  if (!parse_command(arguments, kAbout, [&](OptionVisitor& visitor) { options.visit(visitor); }))
    return ExitCode::ok;
  options.validate();
  const data::Crop crop = data::parse_crop(options.crop);
  const torch::Device device = resolve_device(options.device, 0);
  const checkpoint::Weights weights = checkpoint::read_weights(options.checkpoint);
  const LoadedModel model = load_model(weights, options.network, options.checkpoint, device);
  models::Translator& translator = translator_of(model, weights.recipe, options.checkpoint);
  const Request request(options, translator.labels());
  const InputPictures inputs = read_pictures(options, crop, weights.growth.resolution);
  std::vector<torch::Tensor> images;
  for (const InputPicture& picture : inputs.pictures) images.push_back(picture.image);
  const bool can_recognise = std::ranges::count(model.missing, translator.recogniser()) == 0;
  LabelledPictures pictures(translator, torch::stack(images), device, request.given, can_recognise);
  const std::vector<Column> columns =
      request.settings.empty() ? pictures.each_attribute()
                               : pictures.joint(request.settings, request.set, request.strengths);
  print_labels(inputs, pictures, can_recognise, translator.recogniser(), options.checkpoint);
  write(options, columns, inputs, title_of(model, weights, options.checkpoint));
  return ExitCode::ok;
}

}  // namespace pgan::apps
