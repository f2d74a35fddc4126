#include "comm/together.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <string>

#include "comm/agree.h"

namespace pgan::comm {
namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(1);
constexpr auto kLongestPause = std::chrono::milliseconds(200);

}  // namespace

void together(Communicator& host, const std::function<void()>& work) {
  std::future<void> result = std::async(std::launch::async, work);
  for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    const bool done = result.wait_for(pause) == std::future_status::ready;
    const auto answers = gather_text(host, done ? "done" : "busy");
    if (std::count(answers.begin(), answers.end(), "busy") == 0) break;
  }
  agree(host, [&] { result.get(); });
}

void on_rank_0(Communicator& host, const std::function<void()>& work) {
  std::future<void> result;
  if (host.rank() == 0) result = std::async(std::launch::async, work);
  for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    const bool done = host.rank() == 0 && result.wait_for(pause) == std::future_status::ready;
    if (broadcast_text(host, done ? "done" : "busy") == "done") break;
  }
  Failure failure;
  try {
    if (host.rank() == 0) result.get();
  } catch (...) {
    failure = current_failure();
  }
  const std::string code = broadcast_text(host, std::to_string(static_cast<int>(failure.code)));
  const std::string message = broadcast_text(host, failure.message);
  if (code != "0") throw AgreedError(static_cast<ExitCode>(std::stoi(code)), message);
}

}  // namespace pgan::comm
