#include "apps/pgan_train/reporter.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "core/log.h"
#include "report/format.h"
#include "report/sheet.h"

namespace pgan::apps {
namespace {

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
  line["elapsed_seconds"] = tick.elapsed_seconds;
  return line;
}

}  // namespace

Reporter::Reporter(report::RunFolder folder, std::shared_ptr<report::WriteQueue> writes,
                   report::ProgressMode mode, bool fresh, const Progress& resumed)
    : folder_(std::move(folder)),
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
  const report::TickReport line = line_of(tick);
  line_.update(line);
  writes_->post([files = files_, tick, text = report::progress_text(line)] {
    log_file_only(text);
    const nlohmann::ordered_json stats = stats_of(tick);
    files->stats.append(stats);
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

void Reporter::write_status(const report::RunStatus& status) {
  writes_->post([folder = folder_, status] { folder.write_status(status); });
}

void Reporter::on_growth(const Progress& progress, const Growth& growth) {
  log_info(report::text_of(
      "kimg %.1f: growing to %lldx%lld", static_cast<double>(progress.images) / 1000,
      static_cast<long long>(growth.resolution), static_cast<long long>(growth.resolution)));
}

void Reporter::on_sample(const Progress& progress, const Growth&, const torch::Tensor& images) {
  writes_->post([folder = folder_, files = files_, progress, images] {
    const torch::Tensor sheet = report::make_grid(images);
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
