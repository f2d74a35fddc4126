#include "checkpoint/together.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <string>

#include "comm/agree.h"

namespace pgan::checkpoint {

void together(comm::Communicator& host, const std::function<void()>& work) {
  std::future<void> result = std::async(std::launch::async, work);
  auto pause = std::chrono::milliseconds(1);
  for (;;) {
    const bool done = result.wait_for(pause) == std::future_status::ready;
    const auto answers = comm::gather_text(host, done ? "done" : "busy");
    if (std::count(answers.begin(), answers.end(), "busy") == 0) break;
    pause = std::min(pause * 2, std::chrono::milliseconds(200));
  }
  comm::agree(host, [&] { result.get(); });
}

}  // namespace pgan::checkpoint
