// Compiled apart from the rest of core: LibTorch's headers hold a copy of fmt that spdlog must not
// see.
#include "core/log.h"

#include <memory>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "core/error.h"

namespace pgan {
namespace {

struct LogState {
  std::shared_ptr<spdlog::logger> terminal;
  std::shared_ptr<spdlog::logger> file;
  std::function<void()> before, after;
};

LogState make_state() {
  LogState fresh;
  fresh.terminal =
      std::make_shared<spdlog::logger>("pgan", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  fresh.terminal->set_pattern("%v");
  return fresh;
}

/// The process has one standard error, hence one log.
LogState& state() {
  static LogState instance = make_state();
  return instance;
}

void write(spdlog::level::level_enum level, const std::string& message) {
  LogState& log = state();
  if (log.file != nullptr) log.file->log(level, message);
  if (!log.terminal->should_log(level)) return;
  if (log.before) log.before();
  log.terminal->log(level, level >= spdlog::level::warn
                               ? (level == spdlog::level::warn ? "warning: " : "error: ") + message
                               : message);
  log.terminal->flush();
  if (log.after) log.after();
}

}  // namespace

void start_log(int rank, const std::string& host) {
  LogState& log = state();
  log.terminal->set_level(rank == 0 ? spdlog::level::info : spdlog::level::warn);
  if (rank != 0)
    log.terminal->set_pattern("[rank " + std::to_string(rank) + " on " + host + "] %v");
}

void log_to_file(const std::filesystem::path& file) {
  try {
    state().file = std::make_shared<spdlog::logger>(
        "file", std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string()));
    state().file->set_pattern("%Y-%m-%d %H:%M:%S %L %v");
    state().file->flush_on(spdlog::level::info);
    state().file->set_error_handler(
        [](const std::string&) {});  // a full disk: the run says so itself
  } catch (const spdlog::spdlog_ex& error) {
    throw DataError("cannot write the log " + file.string() + ": " + error.what());
  }
}

void log_file_only(const std::string& message) {
  if (state().file != nullptr) state().file->info(message);
}

void set_log_hooks(std::function<void()> before, std::function<void()> after) {
  state().before = std::move(before);
  state().after = std::move(after);
}

void log_info(const std::string& message) {
  write(spdlog::level::info, message);
}
void log_warning(const std::string& message) {
  write(spdlog::level::warn, message);
}
void log_error(const std::string& message) {
  write(spdlog::level::err, message);
}

}  // namespace pgan
