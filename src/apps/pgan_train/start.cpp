#include "apps/pgan_train/start.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <sstream>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "apps/pgan_train/machine.h"
#include "checkpoint/weights.h"
#include "comm/agree.h"
#include "comm/together.h"
#include "core/launcher.h"
#include "core/log.h"
#include "core/version.h"
#include "data/loader.h"
#include "data/statistics.h"
#include "report/files.h"
#include "report/ratings.h"

namespace pgan::apps {
namespace fs = std::filesystem;
namespace {

/// 40 at most.
std::int64_t preview_count(std::int64_t resolution) {
  const std::int64_t cell = std::max<std::int64_t>(resolution, 32);
  const std::int64_t columns = std::clamp<std::int64_t>(1920 / cell, 3, 8);
  const std::int64_t rows = std::clamp<std::int64_t>(1080 / cell, 2, 5);
  return columns * rows;
}

}  // namespace

PreviewReals preview_reals(const data::Pack& pack, std::int64_t resolution,
                           comm::Communicator& host) {
  PreviewReals reals;
  comm::together(host, [&] {
    std::vector<torch::Tensor> images, labels;
    const std::int64_t wanted = preview_count(resolution);
    std::vector<std::int64_t> records = data::held_out_records(pack.info(), wanted);
    for (std::int64_t i = 0; records.empty() && i < pack.info().count; ++i) records.push_back(i);
    for (const std::int64_t record : records) {
      if (std::ssize(images) == wanted) break;
      try {
        images.push_back(pack.image(record, resolution));
        labels.push_back(pack.labels()[record]);
      } catch (const DataError& error) {
        log_warning(std::string(error.what()) + "; left out of the preview");
      }
    }
    if (images.empty()) throw DataError(pack.folder().string() + ": no picture can be read");
    reals = {torch::stack(images).to(torch::kUInt8), torch::stack(labels)};
  });
  return reals;
}

std::vector<models::DataFacts> facts_of(const Packs& packs, bool all_splits) {
  std::vector<models::DataFacts> facts;
  for (const auto& pack : packs) {
    const auto streams = data::make_streams(pack->info(), 0, all_splits);
    const auto statistics = data::label_statistics(*pack, streams[0].records);
    models::DataFacts& of_pack = facts.emplace_back();
    of_pack.name = pack->info().name;
    of_pack.one_of_n = data::one_of_n(*pack, streams[0].records);
    for (std::size_t i = 0; i < statistics.size(); ++i) {
      const data::LabelStatistics& label = statistics[i];
      of_pack.labels.push_back(
          {pack->info().label_names[i], label.mean, label.low, label.high, label.binary});
    }
  }
  return facts;
}

std::vector<data::HeldOut> held_out_of(const Packs& packs, std::int64_t resolution,
                                       std::int64_t most, comm::Communicator& host) {
  std::vector<data::HeldOut> held_out(packs.size());
  comm::together(host, [&] {
    for (std::size_t i = 0; i < packs.size(); ++i) {
      std::vector<std::string> reports;
      held_out[i] =
          data::read_held_out(*packs[i], resolution, most, host.rank(), host.size(), reports);
      for (const std::string& report : reports) log_warning(report + "; not measured on");
    }
  });
  return held_out;
}

std::int64_t resolution_for(const Packs& packs, const models::RecipeOptions& model) {
  std::int64_t largest = packs[0]->info().largest();
  for (const auto& pack : packs) largest = std::min(largest, pack->info().largest());
  const std::int64_t usual = model.usual_resolution();
  return usual == 0 ? largest : std::min(largest, usual);
}

Packs open_packs(const std::vector<std::string>& folders, const models::RecipeOptions& model) {
  const std::int64_t most = model.most_data_sets();
  if (std::ssize(folders) > most) {
    throw ConfigError("--data is given " + std::to_string(folders.size()) +
                      " times: this model trains on " + std::to_string(most) +
                      (most == 1 ? " data set" : " data sets at most"));
  }
  Packs packs;
  for (const std::string& folder : folders) packs.push_back(data::Pack::open(folder));
  return packs;
}

train::InitialWeights first_weights(const TrainConfig& config, models::Recipe& grown,
                                    comm::Communicator& host) {
  const checkpoint::Weights weights = checkpoint::read_weights(config.init_from, host);
  train::InitialWeights initial;
  comm::agree(host, [&] {
    if (weights.recipe != config.model) {
      throw ConfigError("--init-from " + config.init_from + " holds networks of --model " +
                        weights.recipe + ", not " + config.model);
    }
    initial =
        train::initial_weights(weights, grown, config.training.ema_kimg > 0, config.init_from);
  });
  return initial;
}

ResumePoint agreed_resume_point(const TrainConfig& config, comm::Communicator& host) {
  ResumePoint point;
  comm::on_rank_0(host, [&] { point = resume_point(config); });
  point.folder = comm::broadcast_text(host, point.folder);
  point.same_run = comm::broadcast_text(host, point.same_run ? "same" : "") == "same";
  return point;
}

std::string data_identity(const Packs& packs) {
  std::string identity;
  for (const auto& pack : packs) {
    if (!identity.empty()) identity += "+";
    identity += std::to_string(pack->info().count);
    for (const data::PackLevel& level : pack->info().levels) {
      if (level.shards.empty()) continue;
      for (const data::PackShard& shard : level.shards) identity += ":" + shard.file.xxh3;
      break;
    }
  }
  return identity;
}

checkpoint::Manifest manifest_of(const TrainConfig& config, const OptionValues& lasting,
                                 const Packs& packs, std::int64_t threads) {
  checkpoint::Manifest manifest;
  manifest.recipe = config.model;
  manifest.config = lasting;
  manifest.extra["data"] = data_identity(packs);
  manifest.extra["threads"] = std::to_string(threads);
  manifest.extra["cores"] = std::to_string(cores());
  manifest.extra["label_names"] = nlohmann::json(packs[0]->info().label_names).dump();
  const BuildInfo build = build_info();
  manifest.versions = {
      {"pgan-train", build.version}, {"git", build.git}, {"libtorch", build.libtorch}};
  return manifest;
}

checkpoint::Rating rating_of(const report::RunFolder& folder, const std::string& metric) {
  if (metric.empty()) return nullptr;
  return [ratings = report::Ratings(folder, metric), metric,
          told = std::make_shared<bool>(false)](std::int64_t images) {
    const auto value = ratings.at(images);
    if (!value && !std::exchange(*told, true)) {
      log_warning("--keep-best " + metric +
                  ": no such field in metrics.jsonl or stats.jsonl up to " +
                  checkpoint::folder_name(images) + "; nothing is kept for it so far");
    }
    return value;
  };
}

void refuse_foreign_folder(const report::RunFolder& folder) {
  if (!fs::exists(folder.root())) return;
  if (!fs::is_directory(folder.root())) {
    throw ConfigError("--run " + folder.root().string() +
                      " is a file: expected a run's folder or a new name");
  }
  if (fs::exists(folder.config()) || fs::exists(folder.lock())) return;
  const auto foreign = [&](const fs::directory_entry& entry) { return entry != folder.stop(); };
  if (std::ranges::none_of(fs::directory_iterator(folder.root()), foreign)) return;
  throw ConfigError("--run " + folder.root().string() +
                    " holds other things and no run (no config.ini): choose a new or empty folder");
}

void require_shared(const report::RunFolder& folder, comm::Communicator& host) {
  if (host.size() == 1) return;
  // Never the same twice, so that no other host can hold it from an earlier start.
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  const std::string name =
      comm::broadcast_text(host, ".shared-" + host_name() + "-" + std::to_string(now));
  const fs::path token = folder.root() / name;
  comm::on_rank_0(host,
                  [&] { report::write_text(token, "written by rank 0 for the others to see\n"); });
  std::exception_ptr unseen;
  try {
    comm::together(host, [&] {
      if (fs::exists(token)) return;
      throw ConfigError("--run " + folder.root().string() +
                        " is not the folder that rank 0 sees: it must be on a disk that all hosts "
                        "share, under the same path");
    });
  } catch (...) {
    unseen = std::current_exception();
  }
  comm::on_rank_0(host, [&] { fs::remove(token); });
  if (unseen) std::rethrow_exception(unseen);
}

std::string ini_text(const OptionValues& lasting) {
  std::string text =
      "# Options of this run, resolved. Use: pgan-train --config THIS_FILE --run NEW_FOLDER\n";
  for (const auto& [name, value] : lasting) {
    std::istringstream entries(value);  // several of a list (core/option_set.h)
    for (std::string entry; std::getline(entries, entry);) text += name + " = " + entry + "\n";
  }
  return text;
}

void check_data(const checkpoint::Found& found, const Packs& packs) {
  const auto before = found.manifest.extra.find("data");
  if (before == found.manifest.extra.end() || before->second == data_identity(packs)) return;
  std::string here;
  for (const auto& pack : packs) here += (here.empty() ? "" : ", ") + pack->folder().string();
  throw ConfigError(found.folder.string() + " was trained on other images than " + here +
                    ": give the run's --data, choose another --run, or insist with --override");
}

void check_growth(const checkpoint::Found& found, const train::Schedule& schedule) {
  const checkpoint::Manifest& manifest = found.manifest;
  const Growth next = schedule.growth_at(manifest.progress.images);
  if (next.resolution >= manifest.growth.resolution) return;
  const auto side = [](std::int64_t r) { return std::to_string(r) + "x" + std::to_string(r); };
  throw ConfigError(found.folder.string() + " has grown to " + side(manifest.growth.resolution) +
                    ", and this schedule is at " + side(next.resolution) +
                    " by then: give the run's schedule, or begin a new run with --init-from");
}

std::int64_t threads_to_keep(const checkpoint::Found& found, std::int64_t asked, std::int64_t here,
                             comm::Communicator& host) {
  const auto& extra = found.manifest.extra;
  const auto threads = extra.find("threads"), before = extra.find("cores");
  if (asked > 0 || found.manifest.ranks != host.size() || threads == extra.end() ||
      before == extra.end() || before->second != std::to_string(cores())) {
    return here;
  }
  return std::clamp<std::int64_t>(std::atoll(threads->second.c_str()), 1, cores());
}

}  // namespace pgan::apps
