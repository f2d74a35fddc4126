#include "apps/cli.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <future>
#include <thread>
#include <utility>

#include "comm/agree.h"
#include "comm/transports.h"
#include "core/file_error.h"
#include "core/launcher.h"
#include "core/log.h"
#include "core/version.h"

namespace pgan::apps {
namespace {

bool print_version_if_asked(const char* program, const Arguments& arguments) {
  if (std::ranges::find(arguments, "--version") == arguments.end()) return false;
  if (first_of_the_job()) std::fputs(version_text(program).c_str(), stdout);
  return true;
}

[[noreturn]] void leave(ExitCode code) {
  std::fflush(nullptr);
  _exit(static_cast<int>(code));  // static destructors of libraries may wait for threads
}

/// To the log's file as well, but for 2 s at most: its disk may be what failed.
void print_error(const char* program, const std::string& message) {
  std::fprintf(stderr, "%s: error: %s\n", program, message.c_str());
  std::promise<void> written;
  std::future<void> done = written.get_future();
  std::thread([message, written = std::move(written)]() mutable {
    log_file_only("error: " + message);
    written.set_value();
  }).detach();
  done.wait_for(std::chrono::seconds(2));
}

/// Given back before the last words of a process that ran out of memory, MPI's among them.
std::unique_ptr<char[]> memory_reserve() {
  constexpr std::size_t kBytes = 8 << 20;
  return std::unique_ptr<char[]>(new char[kBytes]);
}

ExitCode run_body(const char* program, const Arguments& arguments, comm::Communicator& host,
                  const std::function<ExitCode(const Arguments&, comm::Communicator&)>& body) {
  auto reserve = memory_reserve();
  try {
    const ExitCode code = body(arguments, host);
    host.barrier();  // watched, as MPI_Finalize is not
    return code;
  } catch (const comm::AgreedError& error) {
    if (host.rank() == 0) print_error(program, error.what());
    return error.code();
  } catch (...) {
    reserve.reset();
    const Failure failure = current_failure();
    const std::string where =
        host.size() == 1 ? "" : "rank " + std::to_string(host.rank()) + " on " + host_name() + ": ";
    print_error(program, where + failure.message);
    std::fflush(nullptr);
    host.abort(failure.code);
  }
  return ExitCode::internal;  // abort() does not return
}

}  // namespace

bool wants_help(const Arguments& arguments) {
  return std::ranges::any_of(arguments,
                             [](const std::string& a) { return a == "--help" || a == "-h"; });
}

std::string version_text(const char* program) {
  const BuildInfo build = build_info();
  return std::string(program) + " " + build.version + " (git " + build.git + ")\n" + "LibTorch " +
         build.libtorch + "\n" + "CUDA " + build.cuda + "\n" + "NCCL " + build.nccl + "\n" +
         "MPI " + comm::mpi_version() + "\n" + "compiler " + build.compiler + "\n";
}

int run_serial(const char* program, int argc, char** argv,
               const std::function<ExitCode(const Arguments&)>& body) {
  const Arguments arguments(argv + 1, argv + argc);
  try {
    if (print_version_if_asked(program, arguments)) return 0;
    return static_cast<int>(body(arguments));
  } catch (...) {
    const Failure failure = current_failure();
    print_error(program, failure.message);
    return static_cast<int>(failure.code);
  }
}

void require_place(const std::string& option, const std::string& file) {
  std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (folder.empty()) folder = ".";
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) {
    throw ConfigError(option + " " + file + " is a folder: expected a file's name");
  }
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw ConfigError(option + " " + file + ": no such folder " + folder.string());
  }
  if (::access(folder.c_str(), W_OK) != 0) throw_file_error("cannot write", file, errno);
}

void run_parallel(const char* program, int argc, char** argv,
                  const std::function<ExitCode(const Arguments&, comm::Communicator&)>& body,
                  std::function<bool()> ending) {
  const Arguments arguments(argv + 1, argv + argc);
  if (print_version_if_asked(program, arguments)) leave(ExitCode::ok);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is then an error of the write
  std::unique_ptr<comm::Communicator> host;
  try {
    host = comm::open_host(std::move(ending));
  } catch (...) {
    const Failure failure = current_failure();
    if (first_of_the_job()) print_error(program, failure.message);
    leave(failure.code);
  }
  start_log(host->rank(), host_name());
  const ExitCode code = run_body(program, arguments, *host, body);
  host.reset();
  comm::finalize(code);
  leave(code);
}

}  // namespace pgan::apps
