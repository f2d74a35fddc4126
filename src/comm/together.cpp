#include "comm/together.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "comm/agree.h"

namespace pgan::comm {
namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(1);
constexpr auto kLongestPause = std::chrono::milliseconds(200);

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

}  // namespace

void together(Communicator& host, const std::function<void()>& work) {
  Background background(work);
  for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    const auto answers = gather_text(host, background.is_done(pause) ? "done" : "busy");
    if (std::count(answers.begin(), answers.end(), "busy") == 0) break;
  }
  agree(host, [&] { background.finish(); });
}

void on_rank_0(Communicator& host, const std::function<void()>& work) {
  std::unique_ptr<Background> background;
  if (host.rank() == 0) background = std::make_unique<Background>(work);
  for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    const bool done = background != nullptr && background->is_done(pause);
    if (broadcast_text(host, done ? "done" : "busy") == "done") break;
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
