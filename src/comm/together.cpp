#include "comm/together.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <string>

#include "comm/agree.h"

namespace pgan::comm {

void together(Communicator& host, const std::function<void()>& work) {
  std::future<void> result = std::async(std::launch::async, work);
  auto pause = std::chrono::milliseconds(1);
  for (;;) {
    const bool done = result.wait_for(pause) == std::future_status::ready;
    const auto answers = gather_text(host, done ? "done" : "busy");
    if (std::count(answers.begin(), answers.end(), "busy") == 0) break;
    pause = std::min(pause * 2, std::chrono::milliseconds(200));
  }
  agree(host, [&] { result.get(); });
}

}  // namespace pgan::comm
