#include "comm/together.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "comm/agree.h"
#include "core/log.h"

namespace pgan::comm {
namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(1);
constexpr auto kLongestPause = std::chrono::milliseconds(200);
constexpr double kWarnSeconds = 20;

/// Work on a thread. If its owner leaves by an exception (a peer died) while the work hangs, nobody
/// waits for it: the job is about to be aborted.
class Background {
 public:
  explicit Background(const std::function<void()>& work) : task_(work), done_(task_.get_future()) {
    thread_ = std::thread(std::move(task_));
  }
  ~Background() {
    if (thread_.joinable()) thread_.detach();
  }
  bool is_done(std::chrono::milliseconds longest) {
    return done_.wait_for(longest) == std::future_status::ready;
  }
  /// Once done: rethrows what the work threw.
  void finish() {
    thread_.join();
    done_.get();
  }

 private:
  std::packaged_task<void()> task_;
  std::future<void> done_;
  std::thread thread_;
};

/// What rank 0 makes of the time that files have taken: the same for all ranks, since it tells
/// them.
class Patience {
 public:
  explicit Patience(Communicator& host) : host_(host) {}
  bool is_over() {
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    if (seconds > kWarnSeconds && !std::exchange(warned_, true)) {
      log_warning("files have kept the ranks for " + std::to_string(static_cast<int>(seconds)) +
                  " s; waiting up to --timeout");
    }
    return seconds > host_.timeout_seconds();
  }
  [[noreturn]] void give_up(const std::string& who) const {
    throw AgreedError(ExitCode::data,
                      who + " has waited for its files for " +
                          std::to_string(static_cast<int>(host_.timeout_seconds())) +
                          " s: its file system hangs; raise --timeout if it was "
                          "only slow");
  }

 private:
  using Clock = std::chrono::steady_clock;
  Communicator& host_;
  Clock::time_point start_ = Clock::now();
  bool warned_ = false;
};

}  // namespace

void together(Communicator& host, const std::function<void()>& work) {
  Background background(work);
  Patience patience(host);
  for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    std::string answer = background.is_done(pause) ? "done" : "busy";
    if (host.rank() == 0 && patience.is_over()) answer += " late";
    const auto answers = gather_text(host, answer);
    const auto busy = std::ranges::find_if(
        answers, [](const std::string& text) { return text.starts_with("busy"); });
    if (busy == answers.end()) break;
    if (answers.front().ends_with("late"))
      patience.give_up("rank " + std::to_string(busy - answers.begin()));
  }
  agree(host, [&] { background.finish(); });
}

void on_rank_0(Communicator& host, const std::function<void()>& work) {
  std::unique_ptr<Background> background;
  if (host.rank() == 0) background = std::make_unique<Background>(work);
  Patience patience(host);
  for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    std::string state = background != nullptr && background->is_done(pause) ? "done" : "busy";
    if (host.rank() == 0 && state == "busy" && patience.is_over()) state = "late";
    state = broadcast_text(host, state);
    if (state == "done") break;
    if (state == "late") patience.give_up("rank 0");
  }
  Failure failure;
  try {
    if (background != nullptr) background->finish();
  } catch (...) {
    failure = current_failure();
  }
  const std::string code = broadcast_text(host, std::to_string(static_cast<int>(failure.code)));
  const std::string message = broadcast_text(host, failure.message);
  if (code != "0") throw AgreedError(static_cast<ExitCode>(std::stoi(code)), message);
}

}  // namespace pgan::comm
