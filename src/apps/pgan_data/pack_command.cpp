#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>

#include "apps/pgan_data/commands.h"
#include "apps/pgan_data/interrupt.h"
#include "apps/pgan_data/progress_line.h"
#include "comm/agree.h"
#include "comm/together.h"
#include "data/importer.h"
#include "data/pack_writer.h"
#include "data/printable.h"

namespace pgan::apps {
namespace {

/// Packing a large set over a slow file system takes long between two signs of life.
constexpr double kTimeoutSeconds = 3600;

/// One rank's work on a thread of its own, so that its main thread can go on asking the others how
/// far they are: no rank waits for another's files without knowing that it lives.
class PackThread {
 public:
  PackThread(data::PackWriter& writer, int rank, int ranks)
      : thread_([this, &writer, rank, ranks] { run(writer, rank, ranks); }) {}
  ~PackThread() {
    stop();
    thread_.join();
  }
  PackThread(const PackThread&) = delete;
  PackThread& operator=(const PackThread&) = delete;

  void stop() { stop_ = true; }
  std::int64_t done() const { return done_; }
  std::int64_t bad() const { return bad_; }
  /// Returns when the work has ended, after 200 ms at most; true if it has.
  bool wait() {
    std::unique_lock lock(mutex_);
    return ended_now_.wait_for(lock, std::chrono::milliseconds(200), [this] { return ended_; });
  }
  std::exception_ptr error() const { return error_; }
  int interrupted() const { return interrupted_; }

 private:
  struct Stopped {};

  void run(data::PackWriter& writer, int rank, int ranks) {
    try {
      writer.work(rank, ranks, [this](const data::PackProgress& progress) {
        done_ = progress.done;
        bad_ = progress.bad;
        check_interrupt();
        if (stop_) throw Stopped{};
      });
    } catch (const Interrupted& reason) {
      interrupted_ = reason.signal;
    } catch (const Stopped&) {
    } catch (...) {
      error_ = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    ended_now_.notify_all();
  }

  std::atomic<bool> stop_ = false;
  std::atomic<std::int64_t> done_ = 0, bad_ = 0;
  std::mutex mutex_;
  std::condition_variable ended_now_;
  bool ended_ = false;
  std::exception_ptr error_;
  int interrupted_ = 0;
  std::thread thread_;
};

/// Collective.
void work_together(data::PackWriter& writer, comm::Communicator& host) {
  std::optional<ProgressLine> line;
  if (host.rank() == 0) line.emplace("packing", "pictures");
  const std::int64_t total = std::ssize(writer.listing().sources);
  PackThread work(writer, host.rank(), host.size());
  std::int64_t signal = 0, running = 1;
  while (running > 0) {
    const bool ended = work.wait();
    const std::int64_t failed = ended && work.error() ? 1 : 0;
    const std::int64_t mine = ended ? work.interrupted() : 0;
    torch::Tensor sums = torch::tensor(
        {work.done(), work.bad(), std::int64_t{!ended}, failed, mine, std::int64_t{mine > 0}},
        torch::kInt64);
    host.all_reduce(sums, comm::ReduceOp::sum, "progress of packing")->wait();
    const auto* sum = sums.const_data_ptr<std::int64_t>();
    running = sum[2];
    signal = sum[5] > 0 ? sum[4] / sum[5] : 0;  // the same one, as a rule
    if (sum[3] > 0 || signal > 0) work.stop();
    if (line) line->update(sum[0], total, sum[1]);
  }
  if (signal > 0) throw Interrupted{static_cast<int>(signal)};
  comm::agree(host, [&] {
    if (work.error()) std::rethrow_exception(work.error());
  });
}

/// Throws ConfigError when the pack would replace what it is made of, or lie among it.
void require_apart(const std::string& from, const std::string& out) {
  namespace fs = std::filesystem;
  std::error_code error;
  const std::string inner = fs::weakly_canonical(from, error).string() + "/";
  const std::string outer = fs::weakly_canonical(out, error).string() + "/";
  if (!inner.starts_with(outer) && !outer.starts_with(inner)) return;
  throw ConfigError("--out " + out + " and --from " + from +
                    " lie in one another; choose an --out beside the data set");
}

/// Collective: a writer of the same work on all ranks.
std::unique_ptr<data::PackWriter> make_writer(const std::string& from, const std::string& layout,
                                              const std::string& out,
                                              const data::PackOptions& options,
                                              comm::Communicator& host) {
  std::unique_ptr<data::PackWriter> writer;
  comm::together(host, [&] {
    data::Listing listing = data::list_sources(from, layout);
    if (host.rank() == 0) {
      std::cout << from << ": layout " << listing.layout << ", " << listing.sources.size()
                << " pictures, " << listing.label_names.size() << " labels" << std::endl;
      for (const std::string& text : listing.warnings) {
        std::cerr << std::string("warning: ").append(text).append("\n");
      }
    }
    writer = std::make_unique<data::PackWriter>(std::move(listing), out, options);
  });
  const std::vector<std::string> prints =
      comm::gather_text(host, std::to_string(writer->fingerprint()));
  const auto other = std::ranges::find_if(prints, [&](const auto& p) { return p != prints[0]; });
  if (other != prints.end()) {
    throw comm::AgreedError(ExitCode::data,
                            "--from " + from + ": rank " + std::to_string(other - prints.begin()) +
                                " sees other pictures there than rank 0; all hosts must see the "
                                "same files");
  }
  return writer;
}

/// In one piece each: mpirun mixes what ranks write to stdout and stderr, piece by piece.
void print_skipped(const std::vector<data::Skipped>& skipped, const std::string& out) {
  constexpr std::size_t kMostShown = 100;
  std::string lines;
  for (std::size_t i = 0; i < std::min(skipped.size(), kMostShown); ++i) {
    lines.append("skipped: ").append(data::printable(skipped[i].key)).append(": ");
    lines.append(skipped[i].reason).append("\n");
  }
  if (skipped.size() > kMostShown) {
    lines.append("... and ").append(std::to_string(skipped.size() - kMostShown)).append(" more\n");
  }
  std::cerr << lines;
  if (!skipped.empty()) {
    std::cout << skipped.size() << " left out; " << out
              << "/skipped.jsonl has each with its reason\n";
  }
}

void print_report(const data::PackReport& report, const data::PackPlan& plan,
                  const std::string& out) {
  print_skipped(report.skipped, out);
  std::cout << out << ": " << report.written << " pictures at " << plan.levels.front().resolution
            << " to " << plan.levels.back().resolution << " pixels, crop " << report.crop << ", "
            << (report.bytes >> 20) << " MiB\n";
  if (report.upscaled > 0) {
    std::cout << "warning: " << report.upscaled << " pictures are smaller than "
              << report.resolution
              << " pixels and were enlarged; a smaller --resolution avoids that\n";
  }
}

}  // namespace

ExitCode pack_command(const Arguments& arguments, comm::Communicator& host) {
  data::PackOptions options;
  std::string from, layout = "auto", out;
  const auto visit = [&](OptionVisitor& visitor) {
    options.visit(visitor);
    visitor.field("from", from, "the data set: a folder, or a zip of pictures");
    visitor.field("layout", layout, data::layout_help());
    visitor.field("out", out, "folder to make: the pack");
  };
  bool go_on = true;
  host.set_timeout(kTimeoutSeconds);
  comm::agree(host, [&] {
    go_on = parse_command(arguments, "pgan-data pack --from DIR --out DIR [options]", visit, {},
                          host.rank() == 0);
    if (!go_on) return;
    require_option("--from", from, "pgan-data pack --from celeba --out celeba-pack");
    require_option("--out", out, "pgan-data pack --from celeba --out celeba-pack");
    options.validate();
    require_apart(from, out);
  });
  if (!go_on) return ExitCode::ok;
  const auto writer = make_writer(from, layout, out, options, host);
  comm::on_rank_0(host, [&] {
    const std::int64_t done = writer->begin();
    if (done > 0) std::cout << "going on: " << done << " pictures were packed before\n";
    if (done < 0) std::cout << "an unfinished pack of other pictures or options was thrown away\n";
  });
  work_together(*writer, host);
  comm::on_rank_0(host, [&] { print_report(writer->finish(), writer->plan(), out); });
  return ExitCode::ok;
}

}  // namespace pgan::apps
