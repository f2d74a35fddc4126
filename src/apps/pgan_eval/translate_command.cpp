#include <algorithm>
#include <cstdio>
#include <limits>

#include <ATen/Parallel.h>

#include "apps/load_model.h"
#include "apps/packs.h"
#include "apps/pgan_eval/commands.h"
#include "apps/pgan_eval/translate_report.h"
#include "checkpoint/weights.h"
#include "comm/agree.h"
#include "comm/together.h"
#include "core/device.h"
#include "core/log.h"
#include "core/option_set.h"
#include "data/held_out.h"
#include "report/files.h"

namespace pgan::apps {
namespace {

/// Pictures at once. Whole batches are shared out, so that any number of ranks computes the same.
constexpr std::int64_t kBatch = 16;

struct TranslateOptions {
  std::string checkpoint, judge, split = "held-out", network = "auto", device = "auto", json;
  std::vector<std::string> data;
  std::int64_t images = 0, threads = 0;

  void visit(OptionVisitor& visitor) {
    visitor.group("Options");
    visitor.field("checkpoint", checkpoint,
                  "the model that translates: a run's or checkpoint's folder, or an exported file");
    visitor.field("judge", judge, "the classifier that judges, likewise (--model classifier)");
    visitor.field("data", data,
                  "a pack with labels; once for each data set of the model, in order");
    visitor.field("split", split,
                  "held-out (test, or else validation), test, validation, train or all");
    visitor.field("images", images, "pictures of each pack, evenly spread; 0: all");
    visitor.field("network", network, "auto, ema (the moving average) or raw; of the model");
    visitor.field("json", json, "a file to write, one line with everything");
    visitor.field("device", device, "auto, cpu or cuda");
    visitor.field("threads", threads, "CPU threads of each rank; 0: the host's, shared");
  }
  void validate() const;
};

void TranslateOptions::validate() const {
  const auto require = [](const std::string& value, const std::string& what) {
    if (value.empty()) throw ConfigError(what);
  };
  require(checkpoint, "--checkpoint is missing: the run of a model that translates");
  require(judge, "--judge is missing: the run of a classifier (pgan-train --model classifier)");
  if (data.empty()) throw ConfigError("--data is missing: the folder of a pack with labels");
  if (images < 0) throw ConfigError("--images: expected 0 or more");
  if (threads < 0) throw ConfigError("--threads: expected 0 or more");
  const std::string known[] = {"held-out", "test", "validation", "train", "all"};
  if (std::ranges::count(known, split) == 0) {
    throw ConfigError("--split " + split + ": expected held-out, test, validation, train or all");
  }
}

/// What all ranks hold alike.
struct Parts {
  checkpoint::Weights model_weights, judge_weights;
  LoadedModel model, judge;
  Packs packs;
  std::unique_ptr<models::LabelSets> truth;
  std::vector<std::vector<std::int64_t>> records;  ///< by pack
};

std::vector<std::int64_t> records_of(const data::Pack& pack, const TranslateOptions& options) {
  constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
  std::vector<std::int64_t> all;
  if (options.split == "held-out") {
    all = data::held_out_records(pack.info(), pack.info().count);
  } else {
    for (const data::PackPart& part : pack.info().parts) {
      if (options.split != "all" && data::split_name(part.split) != options.split) continue;
      for (std::int64_t i = 0; i < part.records.count; ++i) all.push_back(part.records.first + i);
    }
  }
  if (all.empty()) {
    throw DataError("the pack " + pack.folder().string() + " has no pictures of --split " +
                    options.split + ": give another, e.g. --split all");
  }
  const std::int64_t count = std::ssize(all);
  const std::int64_t taken = std::min(count, options.images > 0 ? options.images : kAll);
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < taken; ++i)
    out.push_back(all[static_cast<std::size_t>(i * count / taken)]);
  return out;
}

std::string side(const checkpoint::Weights& weights) {
  const std::string text = std::to_string(weights.growth.resolution);
  return text + "x" + text;
}

void load_models(const TranslateOptions& options, torch::Device device, Parts& parts) {
  parts.model = load_model(parts.model_weights, options.network, options.checkpoint, device);
  parts.judge = load_model(parts.judge_weights, "auto", options.judge, device);
  if (parts.model.recipe->translator() == nullptr) {
    throw ConfigError("--checkpoint " + options.checkpoint + " is of --model " +
                      parts.model_weights.recipe + ", which does not translate");
  }
  models::Classifier* judge = parts.judge.recipe->classifier();
  if (judge == nullptr) {
    throw ConfigError("--judge " + options.judge + " is of --model " + parts.judge_weights.recipe +
                      ", which tells no labels: expected one of --model classifier");
  }
  if (std::ranges::count(parts.judge.missing, judge->recogniser()) > 0) {
    throw ConfigError("--judge " + options.judge + " lacks its network " + judge->recogniser() +
                      ", which tells the labels: give the run's folder");
  }
  if (parts.model_weights.growth.resolution != parts.judge_weights.growth.resolution) {
    throw ConfigError("the model translates pictures of " + side(parts.model_weights) +
                      ", the judge was trained on " + side(parts.judge_weights) +
                      ": train one at the other's --resolution");
  }
}

/// The labels of the model as columns of the packs.
std::unique_ptr<models::LabelSets> labels_in(const Packs& packs, const models::LabelSets& labels,
                                             const std::string& where) {
  if (std::ssize(packs) != labels.sets()) {
    throw ConfigError(where + " was trained on " + std::to_string(labels.sets()) +
                      " data set(s), and --data is given " + std::to_string(packs.size()) +
                      " times: expected once for each, in order");
  }
  models::LabelOptions options;
  OptionSet([&](OptionVisitor& visitor) {
    options.visit(visitor);
  }).assign(models::LabelSets::values_from(labels.json()));
  try {
    return std::make_unique<models::LabelSets>(options, facts_of(packs, true));
  } catch (const ConfigError& error) {
    throw ConfigError("the labels of " + where + " in the data: " + error.what());
  }
}

void open_data(const TranslateOptions& options, Parts& parts) {
  for (const std::string& folder : options.data) parts.packs.push_back(data::Pack::open(folder));
  const models::LabelSets& labels = parts.model.recipe->translator()->labels();
  const models::LabelSets& known = parts.judge.recipe->classifier()->labels();
  parts.truth = labels_in(parts.packs, labels, options.checkpoint);
  for (const auto& pack : parts.packs) {
    pack->require_level(parts.model_weights.growth.resolution);
    parts.records.push_back(records_of(*pack, options));
  }
  if (!shared_attributes(labels, known).empty()) return;
  std::string names;
  for (const std::string& name : known.names()) names += (names.empty() ? "" : ", ") + name;
  throw ConfigError("--judge " + options.judge +
                    " knows none of the model's attributes: it knows " + names);
}

/// Adds the batch's sums to [shared,kSums]; returns how many pictures could be read.
std::int64_t score_batch(TranslationScorer& scorer, const Parts& parts, std::int64_t set,
                         std::int64_t begin, torch::Device device, torch::Tensor sums) {
  const auto& records = parts.records[static_cast<std::size_t>(set)];
  const data::Pack& pack = *parts.packs[static_cast<std::size_t>(set)];
  std::vector<torch::Tensor> images, labels;
  for (std::int64_t i = begin; i < std::min(begin + kBatch, std::ssize(records)); ++i) {
    const std::int64_t record = records[static_cast<std::size_t>(i)];
    try {
      images.push_back(pack.image(record, parts.model_weights.growth.resolution));
      labels.push_back(pack.labels()[record]);
    } catch (const DataError& error) {
      log_warning(std::string(error.what()) + "; left out");
    }
  }
  if (images.empty()) return 0;
  const torch::Tensor pixels = torch::stack(images).to(device, torch::kFloat32) / 127.5 - 1;
  sums.copy_(scorer.score(pixels, torch::stack(labels).to(device), set));
  return std::ssize(images);
}

/// Collective.
void measure(Parts& parts, torch::Device device, comm::Communicator& host,
             TranslateReport& report) {
  TranslationScorer scorer(*parts.model.recipe->translator(), *parts.judge.recipe->classifier(),
                           *parts.truth);
  std::vector<std::pair<std::int64_t, std::int64_t>> batches;  // data set, first record
  for (std::int64_t set = 0; set < std::ssize(parts.records); ++set) {
    const std::int64_t count = std::ssize(parts.records[static_cast<std::size_t>(set)]);
    for (std::int64_t begin = 0; begin < count; begin += kBatch) batches.emplace_back(set, begin);
  }
  report.attributes = scorer.shared();
  // A batch's sums come from one rank, the others' are 0: no rounding depends on the ranks.
  torch::Tensor sums =
      torch::zeros({std::ssize(batches), std::ssize(report.attributes), TranslationScorer::kSums},
                   torch::kFloat64);
  torch::Tensor pictures = torch::zeros({1}, torch::kInt64);
  for (std::int64_t i = host.rank(); i < std::ssize(batches); i += host.size()) {
    const auto [set, begin] = batches[static_cast<std::size_t>(i)];
    pictures += score_batch(scorer, parts, set, begin, device, sums[i]);
  }
  host.all_reduce(sums, comm::ReduceOp::sum, "scores")->wait();
  host.all_reduce(pictures, comm::ReduceOp::sum, "pictures")->wait();
  const torch::Tensor whole = sums.sum(0);
  for (std::int64_t i = 0; i < whole.size(0); ++i)
    report.scores.push_back(TranslationScorer::score_of(whole[i]));
  report.pictures = pictures.item<std::int64_t>();
}

/// Collective.
TranslateReport evaluate(const TranslateOptions& options, comm::Communicator& host) {
  Parts parts;
  parts.model_weights = checkpoint::read_weights(options.checkpoint, host);
  parts.judge_weights = checkpoint::read_weights(options.judge, host);
  torch::Device device = torch::kCPU;
  comm::agree(host, [&] {
    device = resolve_device(options.device, host.local_rank());
    load_models(options, device, parts);
  });
  comm::together(host, [&] { open_data(options, parts); });
  const auto kimg = [](const checkpoint::Weights& weights) {
    return static_cast<double>(weights.images) / 1000;
  };
  models::Recipe& judge = *parts.judge.recipe;
  if (host.rank() == 0 && judge.translator() != nullptr) {
    log_warning("the judge " + options.judge +
                " is the discriminator of a translating model: where the two were trained together "
                "it finds what it taught; train one with --model classifier");
  }
  const std::string judging = judge.classifier()->recogniser();
  const bool averages = std::ranges::count(judge.averaged_sets(), judging) > 0;
  TranslateReport report;
  report.model = {options.checkpoint, parts.model.network, kimg(parts.model_weights)};
  report.judge = {options.judge, averages ? parts.judge.network : judging,
                  kimg(parts.judge_weights)};
  report.split = options.split;
  report.resolution = parts.model_weights.growth.resolution;
  for (const auto& pack : parts.packs) report.data.push_back(pack->info().name);
  const std::vector<std::string> known = judge.classifier()->labels().names();
  for (const std::string& name : parts.truth->names()) {
    if (std::ranges::count(known, name) == 0) report.left_out.push_back(name);
  }
  measure(parts, device, host, report);
  return report;
}

}  // namespace

ExitCode translate_command(const Arguments& arguments, comm::Communicator& host) {
  TranslateOptions options;
  const OptionSet set([&](OptionVisitor& visitor) { options.visit(visitor); });
  if (wants_help(arguments)) {
    if (host.rank() == 0) {
      std::printf(
          "pgan-eval translate: how often a judge finds the labels asked for in translated "
          "pictures.\nDefaults in [brackets].\n\n"
          "  pgan-eval translate --checkpoint RUN --judge RUN_OF_CLASSIFIER --data PACK\n%s",
          set.help().c_str());
    }
    return ExitCode::ok;
  }
  comm::agree(host, [&] {
    set.assign(set.parse_command_line(arguments));
    options.validate();
  });
  comm::on_rank_0(host, [&] {
    if (!options.json.empty()) require_place("--json", options.json);
  });
  const int shared = std::max(1, at::get_num_threads() / std::max(1, host.local_size()));
  at::set_num_threads(options.threads > 0 ? static_cast<int>(options.threads) : shared);
  const TranslateReport report = evaluate(options, host);
  comm::on_rank_0(host, [&] {
    std::fputs(table_text(report).c_str(), stdout);
    if (!options.json.empty()) report::write_text(options.json, json_line(report));
  });
  return ExitCode::ok;
}

}  // namespace pgan::apps
