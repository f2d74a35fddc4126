#include "apps/pgan_train/training_data.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "comm/together.h"
#include "core/log.h"
#include "core/rows.h"

namespace pgan::apps {
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

std::vector<data::HeldOut> held_out_of(const Packs& packs, const TrainConfig& config,
                                       std::int64_t resolution, comm::Communicator& host) {
  if (config.training.metrics_kimg == 0) return {};
  if (config.split == "all") {
    if (host.rank() == 0)
      log_warning("--split all trains on what the packs hold out: nothing is left to measure on");
    return {};
  }
  std::vector<data::HeldOut> held_out(packs.size());
  comm::together(host, [&] {
    for (std::size_t i = 0; i < packs.size(); ++i) {
      std::vector<std::string> reports;
      held_out[i] = data::read_held_out(*packs[i], resolution, config.training.metrics_images,
                                        host.rank(), host.size(), reports);
      for (const std::string& report : reports) log_warning(report);
    }
  });
  for (const auto& pack : packs) {
    if (host.rank() != 0 || !data::held_out_records(pack->info(), 1).empty()) continue;
    log_warning("the pack " + pack->folder().string() +
                " holds nothing out: nothing is measured on it (pgan-data pack --test-fraction)");
  }
  return held_out;
}

std::int64_t resolution_for(const Packs& packs, const models::RecipeOptions& model) {
  std::int64_t largest = packs[0]->info().largest();
  for (const auto& pack : packs) largest = std::min(largest, pack->info().largest());
  const std::int64_t usual = model.usual_resolution();
  return usual == 0 ? largest : std::min(largest, usual);
}

Packs open_training_packs(TrainConfig& config) {
  if (config.data.empty()) {
    const bool typed = !config.run.empty() && !std::filesystem::exists(config.run);
    throw ConfigError((typed ? "there is no run at " + config.run + ", and " : std::string()) +
                      "--data is missing: give the folder of a pack (pgan-data pack makes one)");
  }
  Packs packs = open_packs(config.data, *config.recipe);
  train::ScheduleOptions& schedule = config.schedule;
  if (schedule.resolution == 0) schedule.resolution = resolution_for(packs, *config.recipe);
  if (!schedule.grows) schedule.start_resolution = schedule.resolution;
  return packs;
}

void require_levels(const Packs& packs, const train::Schedule& schedule) {
  for (std::int64_t r = schedule.start_resolution(); r <= schedule.final_resolution(); r *= 2) {
    for (const auto& pack : packs) pack->require_level(r);
  }
}

void check_rows(const train::Schedule& schedule, std::int64_t group_limit,
                const comm::Communicator& host) {
  for (std::int64_t r = schedule.start_resolution(); r <= schedule.final_resolution(); r *= 2) {
    share_rows(schedule.minibatch_at({r, 1.0}), group_limit, host.rank(), host.size(),
               "at " + std::to_string(r) + "x" + std::to_string(r));
  }
}

std::unique_ptr<data::AlternatingLoader> make_loader(const Packs& packs, const TrainConfig& config,
                                                     const train::Schedule& schedule,
                                                     std::int64_t group_limit,
                                                     const comm::Communicator& host, bool pinned) {
  const auto seed = static_cast<std::uint64_t>(config.training.seed);
  const auto plan = [&schedule, &host, group_limit](const Progress& before) {
    // A set's own clock stands for the run's: models of several sets do not grow.
    const Growth growth = schedule.growth_at(before.images);
    return data::StepPlan{
        growth, share_rows(schedule.minibatch_at(growth), group_limit, host.rank(), host.size())};
  };
  data::LoaderOptions options = config.loader;  // shared among the sets
  const auto sets = std::ssize(packs);
  options.threads = std::max<std::int64_t>(1, options.threads / sets);
  options.prefetch_mib = std::max<std::int64_t>(1, options.prefetch_mib / sets);
  std::vector<std::unique_ptr<data::Loader>> loaders;
  for (const auto& pack : packs) {
    const std::uint64_t own = data::seed_of_set(seed, std::ssize(loaders));
    loaders.push_back(std::make_unique<data::Loader>(
        pack, data::make_streams(pack->info(), own, config.split == "all"), plan, options, own,
        config.training.mirror, pinned));
  }
  return std::make_unique<data::AlternatingLoader>(std::move(loaders),
                                                   schedule.minibatch_at(schedule.growth_at(0)));
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

void check_data(const checkpoint::Found& found, const Packs& packs) {
  const auto before = found.manifest.extra.find("data");
  if (before == found.manifest.extra.end() || before->second == data_identity(packs)) return;
  std::string here;
  for (const auto& pack : packs) here += (here.empty() ? "" : ", ") + pack->folder().string();
  throw ConfigError(found.folder.string() + " was trained on other images than " + here +
                    ": give the run's --data, choose another --run, or insist with --override");
}

}  // namespace pgan::apps
