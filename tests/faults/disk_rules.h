#pragma once
// The rules of disk_faults.cpp: which calls of a program they let fail, and how.
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <list>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace pgan::disk_faults {

enum class Action { pass, fail, kill, kill_after, hang, short_write };

struct Rule {
  int rank = -1;
  std::vector<std::string> calls, matches;
  long nth = 0;
  Action action = Action::pass;
  int error = 0;
  bool later_too = false;
  std::atomic<long> count{0};
};

struct Decision {
  Action action = Action::pass;
  int error = 0;
};

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

inline std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

/// A mistake in a rule must not look like a program that survives its fault.
[[noreturn]] inline void refuse(const std::string& word) {
  const std::string message = "disk_faults: cannot read " + word + "\n";
  const auto ignored = real<decltype(&::write)>("write")(2, message.data(), message.size());
  static_cast<void>(ignored);
  _exit(99);
}

inline void set_action(Rule& rule, std::string action) {
  static const std::map<std::string, Action> kActions = {{"kill", Action::kill},
                                                         {"kill-after", Action::kill_after},
                                                         {"hang", Action::hang},
                                                         {"short", Action::short_write}};
  static const std::map<std::string, int> kErrors = {
      {"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS},
      {"EINVAL", EINVAL}, {"EACCES", EACCES}, {"EINTR", EINTR},   {"ESTALE", ESTALE}};
  rule.later_too = action.ends_with('+');
  if (rule.later_too) action.pop_back();
  if (const auto named = kActions.find(action); named != kActions.end()) {
    rule.action = named->second;
  } else if (const auto error = kErrors.find(action); error != kErrors.end()) {
    rule.action = Action::fail;
    rule.error = error->second;
  } else {
    refuse("do=" + action);
  }
}

inline void read_rule(const std::string& text, Rule& rule) {
  for (const std::string& word : split(text, ' ')) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) refuse(word);
    const std::string key = word.substr(0, equals), value = word.substr(equals + 1);
    if (key == "rank") {
      rule.rank = std::atoi(value.c_str());
    } else if (key == "call") {
      if (value != "any") rule.calls = split(value, '|');
    } else if (key == "match") {
      rule.matches = split(value, '|');
    } else if (key == "nth") {
      rule.nth = std::atol(value.c_str());
    } else if (key == "do") {
      set_action(rule, value);
    } else {
      refuse(word);
    }
  }
}

inline int this_rank() {
  static const int rank = [] {
    const char* text = std::getenv("OMPI_COMM_WORLD_RANK");
    return text != nullptr ? std::atoi(text) : 0;
  }();
  return rank;
}

inline std::list<Rule>& rules() {
  static std::list<Rule>& all = *new std::list<Rule>([] {
    std::list<Rule> read;
    const char* text = std::getenv("PGAN_DISK_FAULT");
    for (const std::string& rule : split(text != nullptr ? text : "", ';'))
      read_rule(rule, read.emplace_back());
    return read;
  }());  // never destroyed: other threads may still write while the process ends
  return all;
}

inline bool only_reads(std::string_view call) {
  for (const char* one : {"open-read", "read", "pread", "stat", "opendir", "readlink"}) {
    if (call == one) return true;
  }
  return false;
}

/// Whether a rule of this rank is about a call, whatever its path.
inline bool names(const Rule& rule, const char* call) {
  if (rule.rank >= 0 && rule.rank != this_rank()) return false;
  bool named = rule.calls.empty() && !only_reads(call);
  for (const std::string& one : rule.calls) named = named || one == call;
  return named;
}

inline bool fits(const Rule& rule, const char* call, const std::string& path) {
  if (!names(rule, call)) return false;
  bool matched = rule.matches.empty();
  for (const std::string& text : rule.matches) {
    matched = matched || (text.ends_with('$') ? path.ends_with(text.substr(0, text.size() - 1))
                                              : path.find(text) != std::string::npos);
  }
  return matched;
}

inline void log_call(long index, const char* call, const std::string& path) {
  const char* file = std::getenv("PGAN_DISK_FAULT_LOG");
  if (file == nullptr) return;
  const std::string line =
      std::to_string(this_rank()) + " " + std::to_string(index) + " " + call + " " + path + "\n";
  const int descriptor =
      real<decltype(&::open)>("open")(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const auto ignored = real<decltype(&::write)>("write")(descriptor, line.data(), line.size());
  static_cast<void>(ignored);
  real<decltype(&::close)>("close")(descriptor);
}

inline Decision decide_for(Rule& rule, const char* call) {
  const long index = rule.count.load();
  if (rule.nth == 0 || index < rule.nth) return {};
  if (rule.action != Action::short_write) {
    return index == rule.nth || rule.later_too ? Decision{rule.action, rule.error} : Decision{};
  }
  if (std::string(call) != "write") return {};
  if (index == rule.nth) return {Action::short_write, 0};
  return index == rule.nth + 1 || rule.later_too ? Decision{Action::fail, ENOSPC} : Decision{};
}

inline Decision decide(const char* call, const std::string& path) {
  Decision decision;
  bool first = true;
  for (Rule& rule : rules()) {
    if (fits(rule, call, path)) {
      const long index = ++rule.count;
      if (first) log_call(index, call, path);
      if (decision.action == Action::pass) decision = decide_for(rule, call);
    }
    first = false;
  }
  if (decision.action == Action::kill) ::kill(::getpid(), SIGKILL);
  while (decision.action == Action::hang) ::pause();
  return decision;
}

inline std::string path_of(int descriptor) {
  char target[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length =
      real<decltype(&::readlink)>("readlink")(link.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : "";
}

inline std::string path_of(int folder, const char* path) {
  if (path[0] == '/' || folder == AT_FDCWD) return path;
  return path_of(folder) + "/" + path;
}

}  // namespace pgan::disk_faults
