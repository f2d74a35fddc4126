#include "comm/agree.h"

#include "core/launcher.h"

namespace pgan::comm {

void agree(Communicator& host, const std::function<void()>& work) {
  Failure mine;
  try {
    work();
  } catch (...) {
    mine = current_failure();
  }
  std::string report = std::to_string(static_cast<int>(mine.code)) + " ";
  if (mine.code != ExitCode::ok) report += host_name() + ": " + mine.message;
  const std::vector<std::string> reports = gather_text(host, report);
  std::size_t failures = 0, first = reports.size();
  for (std::size_t rank = 0; rank < reports.size(); ++rank) {
    if (reports[rank].starts_with("0 ")) continue;
    ++failures;
    if (first == reports.size()) first = rank;
  }
  if (failures == 0) return;
  const std::size_t space = reports[first].find(' ');
  std::string message = reports[first].substr(space + 1);
  if (failures < reports.size()) {
    message = "rank " + std::to_string(first) + " on " + message;
  } else {
    message = message.substr(message.find(": ") + 2);
  }
  throw AgreedError(static_cast<ExitCode>(std::stoi(reports[first].substr(0, space))), message);
}

}  // namespace pgan::comm
