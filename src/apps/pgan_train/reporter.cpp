#include "apps/pgan_train/reporter.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include <nlohmann/json.hpp>

#include "core/log.h"
#include "report/format.h"
#include "report/sheet.h"

namespace pgan::apps {
namespace {

constexpr std::size_t kMostRanksListed = 64;

report::TickReport line_of(const train::TickInfo& tick) {
  report::TickReport line;
  line.progress = tick.progress;
  line.growth = tick.growth;
  line.kimg_total = static_cast<double>(tick.total_images) / 1000;
  for (const auto& [name, value] : tick.losses) {
    if (name.starts_with("loss_")) line.losses[name.substr(5)] = value;
  }
  line.images_per_second = tick.images_per_second;
  line.eta_seconds = tick.eta_seconds;
  line.elapsed_seconds = tick.elapsed_seconds;
  line.memory_bytes = tick.resident_bytes;
  line.data_wait_share = tick.data_wait_share;
  line.rank_wait_share = tick.rank_wait_share;
  return line;
}

nlohmann::ordered_json stats_of(const train::TickInfo& tick) {
  nlohmann::ordered_json line{{"step", tick.progress.step},
                              {"kimg", static_cast<double>(tick.progress.images) / 1000},
                              {"resolution", tick.growth.resolution},
                              {"alpha", tick.growth.alpha},
                              {"minibatch", tick.minibatch},
                              {"learning_rate", tick.learning_rate}};
  for (const auto& [name, value] : tick.losses) line[name] = value;
  line["images_per_second"] = tick.images_per_second;
  line["data_wait_share"] = tick.data_wait_share;
  line["rank_wait_share"] = tick.rank_wait_share;
  line["resident_bytes"] = tick.resident_bytes;
  line["skipped_steps"] = tick.skipped_steps;
  line["rollbacks"] = tick.rollbacks;
  line["elapsed_seconds"] = tick.elapsed_seconds;
  return line;
}

/// Mean seconds of a step, by part and rank; of many ranks those that worked longest.
nlohmann::ordered_json rank_seconds_of(const train::TickInfo& tick) {
  std::vector<std::size_t> ranks(tick.rank_seconds.size());
  std::iota(ranks.begin(), ranks.end(), std::size_t{0});
  nlohmann::ordered_json json;
  if (ranks.size() > kMostRanksListed) {
    const auto idle = [&](std::size_t rank) {
      const train::PartSeconds& seconds = tick.rank_seconds[rank];
      return of(seconds, train::Part::waiting) + of(seconds, train::Part::reduction);
    };
    std::ranges::stable_sort(ranks, {}, idle);
    ranks.resize(kMostRanksListed);
    json["rank"] = ranks;
  }
  for (std::size_t part = 0; part < train::kParts; ++part) {
    std::vector<double> seconds;
    for (const std::size_t rank : ranks)
      seconds.push_back(std::round(tick.rank_seconds[rank][part] * 1e7) / 1e7);
    json[std::string(train::kPartNames[part])] = seconds;
  }
  return json;
}

}  // namespace

Reporter::Reporter(report::RunFolder folder, std::shared_ptr<report::WriteQueue> writes,
                   report::ProgressMode mode, bool fresh, const Progress& resumed,
                   std::vector<std::string> hosts)
    : folder_(std::move(folder)),
      hosts_(std::move(hosts)),
      line_(mode, stderr),
      fresh_(fresh),
      writes_(std::move(writes)),
      files_(new Files{report::StatsFile(folder_.stats(), fresh ? -1 : resumed.step),
                       report::EventFile(folder_.root(), fresh ? -1 : resumed.images)}),
      last_tick_step_(files_->stats.last_step()) {
  set_log_hooks([this] { line_.clear(); }, [this] { line_.redraw(); });
}

Reporter::~Reporter() {
  set_log_hooks(nullptr, nullptr);
  writes_->post([files = std::move(files_)] {});  // closed where they are written
}

void Reporter::on_step(const train::TickInfo& so_far) {
  line_.update(line_of(so_far));
}

void Reporter::on_tick(const train::TickInfo& tick) {
  name_straggler(tick);
  const report::TickReport line = line_of(tick);
  line_.update(line);
  writes_->post([files = files_, tick, text = report::progress_text(line)] {
    log_file_only(text);
    const nlohmann::ordered_json stats = stats_of(tick);
    nlohmann::ordered_json whole = stats;
    whole["rank_seconds"] = rank_seconds_of(tick);
    if (tick.straggler) whole["slowest_rank"] = tick.straggler->rank;
    files->stats.append(whole);
    for (const auto& [name, value] : stats.items()) {
      const std::string group = tick.losses.contains(name) ? "loss/" : "run/";
      if (name != "step")
        files->events.scalar(group + name, tick.progress.images, value.get<double>());
    }
    files->events.flush();
  });
  report::RunStatus status;
  status.progress = tick.progress;
  status.growth = tick.growth;
  write_status(status);
}

/// A line when a rank begins to hold up the others, not one a tick.
void Reporter::name_straggler(const train::TickInfo& tick) {
  const int slowest = tick.straggler ? tick.straggler->rank : -1;
  if (slowest == named_straggler_) return;
  named_straggler_ = slowest;
  if (!tick.straggler) return;
  log_warning(report::text_of(
      "rank %d on %s holds up the others: its steps take %.1f times the median rank's, most of it "
      "in %s",
      slowest, hosts_[static_cast<std::size_t>(slowest)].c_str(), tick.straggler->ratio,
      std::string(train::kPartNames[static_cast<std::size_t>(tick.straggler->part)]).c_str()));
}

void Reporter::on_trace(std::int64_t first_step, std::int64_t last_step, const std::string& json) {
  const auto file = folder_.trace(first_step, last_step);
  writes_->post([file, json] { report::write_text(file, json); });
  log_info("trace of steps " + std::to_string(first_step) + " to " + std::to_string(last_step) +
           ": " + file.string() + " (open it in https://ui.perfetto.dev or chrome://tracing)");
}

void Reporter::write_status(const report::RunStatus& status) {
  writes_->post([folder = folder_, status] { folder.write_status(status); });
}

void Reporter::on_growth(const Progress& progress, const Growth& growth) {
  log_info(report::text_of(
      "kimg %.1f: growing to %lldx%lld", static_cast<double>(progress.images) / 1000,
      static_cast<long long>(growth.resolution), static_cast<long long>(growth.resolution)));
}

void Reporter::on_sample(const Progress& progress, const Growth& growth,
                         const torch::Tensor& images, const models::SampleLayout& layout,
                         bool averaged) {
  report::GridOptions grid;
  grid.columns = layout.columns;
  grid.headings = layout.headings;
  if (!layout.headings.empty()) {
    const auto side = static_cast<long long>(growth.resolution);
    grid.title =
        report::text_of("kimg %.1f, %lldx%lld, %s", static_cast<double>(progress.images) / 1000,
                        side, side, averaged ? "moving average" : "weights as trained");
  }
  writes_->post([folder = folder_, files = files_, progress, images, grid] {
    const torch::Tensor sheet = report::make_grid(images, grid);
    report::write_png(folder.fakes(progress.images), sheet);
    files->events.image("samples/fakes", progress.images, report::encode_png(sheet), sheet.size(1),
                        sheet.size(0));
    files->events.flush();
  });
}

void Reporter::write_reals(const torch::Tensor& images) {
  const torch::Tensor sheet = report::make_grid(images);
  report::write_png(folder_.reals(), sheet);
  if (!fresh_) return;  // an earlier session's curves show them
  files_->events.image("samples/reals", 0, report::encode_png(sheet), sheet.size(1), sheet.size(0));
}

void Reporter::write_config(const std::string& ini) {
  report::write_text(folder_.config(), ini);
  if (fresh_) files_->events.text("config", 0, "```\n" + ini + "```");
}

void Reporter::end_line() {
  line_.finish();
}

}  // namespace pgan::apps
