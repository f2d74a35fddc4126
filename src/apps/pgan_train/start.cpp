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
#include "apps/pgan_train/training_data.h"
#include "checkpoint/weights.h"
#include "comm/agree.h"
#include "comm/together.h"
#include "core/launcher.h"
#include "core/log.h"
#include "core/version.h"
#include "report/files.h"
#include "report/ratings.h"

namespace pgan::apps {
namespace fs = std::filesystem;

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

void check_growth(const checkpoint::Found& found, const train::Schedule& schedule) {
  const checkpoint::Manifest& manifest = found.manifest;
  const Growth next = schedule.growth_at(manifest.progress.images);
  if (next.resolution >= manifest.growth.resolution) return;
  const auto side = [](std::int64_t r) { return std::to_string(r) + "x" + std::to_string(r); };
  throw ConfigError(found.folder.string() + " has grown to " + side(manifest.growth.resolution) +
                    ", and this schedule is at " + side(next.resolution) +
                    " by then: give the run's schedule, or begin a new run with --init-from");
}

void warn_of_other_rates(const checkpoint::Found& found, const TrainConfig& config) {
  const auto before = found.manifest.config.find("total-kimg");
  const std::string now = exact_text(config.schedule.total_kimg);
  if (config.schedule.rate_decay == 0 || before == found.manifest.config.end()) return;
  if (before->second == now) return;
  log_warning("--total-kimg is " + now + ", the checkpoint's was " + before->second +
              ": the rate falls to zero over the last " + exact_text(config.schedule.rate_decay) +
              " of it, so the rates from here on are others than they would have been");
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
