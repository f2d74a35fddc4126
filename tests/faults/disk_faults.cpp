// Preloaded into a program: makes its file-system calls fail, hang or end it at a chosen call.
//
//   PGAN_DISK_FAULT      rules, separated by ";". A rule is words KEY=VALUE:
//     rank=N             only in this rank of mpirun (without mpirun: rank 0); default: in all
//     call=NAME[|NAME]   open (those that may create a file), write, fsync, close, ftruncate,
//                        rename, renameat2, symlink, mkdir, unlink (also rmdir), any; default: any
//     match=TEXT[|TEXT]  only paths that contain a text, or end in it if the text ends in "$"
//     nth=N              which of the calls that fit, from 1, counted over all threads; 0: none
//     do=ACTION          an errno's name such as EIO, followed by "+" if all later calls fail too;
//                        kill and kill-after (SIGKILL before, after the call); hang; short (half a
//                        write, then ENOSPC)
//   PGAN_DISK_FAULT_LOG  file that gets a line for each call that fits the first rule:
//                        RANK INDEX CALL PATH
//
// Writes of C's and C++'s streams do not pass through here: the C library calls itself.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdlib>
#include <list>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

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

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

/// A mistake in a rule must not look like a program that survives its fault.
[[noreturn]] void refuse(const std::string& word) {
  const std::string message = "disk_faults: cannot read " + word + "\n";
  const auto ignored = real<decltype(&::write)>("write")(2, message.data(), message.size());
  static_cast<void>(ignored);
  _exit(99);
}

void set_action(Rule& rule, std::string action) {
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

void read_rule(const std::string& text, Rule& rule) {
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

int this_rank() {
  static const int rank = [] {
    const char* text = std::getenv("OMPI_COMM_WORLD_RANK");
    return text != nullptr ? std::atoi(text) : 0;
  }();
  return rank;
}

std::list<Rule>& rules() {
  static std::list<Rule>& all = *new std::list<Rule>([] {
    std::list<Rule> read;
    const char* text = std::getenv("PGAN_DISK_FAULT");
    for (const std::string& rule : split(text != nullptr ? text : "", ';'))
      read_rule(rule, read.emplace_back());
    return read;
  }());  // never destroyed: other threads may still write while the process ends
  return all;
}

bool fits(const Rule& rule, const char* call, const std::string& path) {
  if (rule.rank >= 0 && rule.rank != this_rank()) return false;
  bool named = rule.calls.empty();
  for (const std::string& one : rule.calls) named = named || one == call;
  if (!named) return false;
  bool matched = rule.matches.empty();
  for (const std::string& text : rule.matches) {
    matched = matched || (text.ends_with('$') ? path.ends_with(text.substr(0, text.size() - 1))
                                              : path.find(text) != std::string::npos);
  }
  return matched;
}

void log_call(long index, const char* call, const std::string& path) {
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

Decision decide_for(Rule& rule, const char* call) {
  const long index = rule.count.load();
  if (rule.nth == 0 || index < rule.nth) return {};
  if (rule.action != Action::short_write) {
    return index == rule.nth || rule.later_too ? Decision{rule.action, rule.error} : Decision{};
  }
  if (std::string(call) != "write") return {};
  if (index == rule.nth) return {Action::short_write, 0};
  return index == rule.nth + 1 || rule.later_too ? Decision{Action::fail, ENOSPC} : Decision{};
}

Decision decide(const char* call, const std::string& path) {
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

std::string path_of(int descriptor) {
  char target[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : "";
}

std::string path_of(int folder, const char* path) {
  if (path[0] == '/' || folder == AT_FDCWD) return path;
  return path_of(folder) + "/" + path;
}

/// Calls `function` unless a rule says otherwise.
template <class Function>
int pass(const char* call, const std::string& path, Function function) {
  const Decision decision = decide(call, path);
  if (decision.action == Action::fail) {
    errno = decision.error;
    return -1;
  }
  const int result = function();
  if (decision.action == Action::kill_after) ::kill(::getpid(), SIGKILL);
  return result;
}

int open_at(int folder, const char* path, int flags, mode_t mode) {
  static const auto function = real<decltype(&::openat)>("openat");
  const auto call = [&] { return function(folder, path, flags, mode); };
  return (flags & O_CREAT) != 0 ? pass("open", path_of(folder, path), call) : call();
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

// The C library's own names, hence no namespace. noexcept where its headers have it.
#define PGAN_OPEN(NAME)                            \
  int NAME(const char* path, int flags, ...) {     \
    va_list arguments;                             \
    va_start(arguments, flags);                    \
    const mode_t mode = mode_of(flags, arguments); \
    va_end(arguments);                             \
    return open_at(AT_FDCWD, path, flags, mode);   \
  }
#define PGAN_OPENAT(NAME)                                  \
  int NAME(int folder, const char* path, int flags, ...) { \
    va_list arguments;                                     \
    va_start(arguments, flags);                            \
    const mode_t mode = mode_of(flags, arguments);         \
    va_end(arguments);                                     \
    return open_at(folder, path, flags, mode);             \
  }

extern "C" {

PGAN_OPEN(open)
PGAN_OPEN(open64)
PGAN_OPENAT(openat)
PGAN_OPENAT(openat64)

ssize_t write(int descriptor, const void* bytes, std::size_t count) {
  static const auto function = real<decltype(&::write)>("write");
  const Decision decision = decide("write", path_of(descriptor));
  if (decision.action == Action::fail) {
    errno = decision.error;
    return -1;
  }
  const bool half = decision.action == Action::short_write;
  const ssize_t written = function(descriptor, bytes, half ? (count + 1) / 2 : count);
  if (decision.action == Action::kill_after) ::kill(::getpid(), SIGKILL);
  return written;
}

int fsync(int descriptor) {
  static const auto function = real<decltype(&::fsync)>("fsync");
  return pass("fsync", path_of(descriptor), [&] { return function(descriptor); });
}

int close(int descriptor) {
  static const auto function = real<decltype(&::close)>("close");
  const std::string path = path_of(descriptor);
  // As Linux does it: the descriptor is gone even where an error is reported.
  const Decision decision = decide("close", path);
  const int result = function(descriptor);
  if (decision.action == Action::kill_after) ::kill(::getpid(), SIGKILL);
  if (decision.action != Action::fail) return result;
  errno = decision.error;
  return -1;
}

int ftruncate(int descriptor, off_t length) noexcept {
  static const auto function = real<decltype(&::ftruncate)>("ftruncate");
  return pass("ftruncate", path_of(descriptor), [&] { return function(descriptor, length); });
}

int rename(const char* from, const char* to) noexcept {
  static const auto function = real<decltype(&::rename)>("rename");
  return pass("rename", std::string(from) + ">" + to, [&] { return function(from, to); });
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
  static const auto function = real<decltype(&::renameat2)>("renameat2");
  return pass("renameat2", path_of(from_folder, from) + ">" + path_of(to_folder, to),
              [&] { return function(from_folder, from, to_folder, to, flags); });
}

int symlink(const char* target, const char* path) noexcept {
  static const auto function = real<decltype(&::symlink)>("symlink");
  return pass("symlink", path, [&] { return function(target, path); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto function = real<decltype(&::mkdir)>("mkdir");
  return pass("mkdir", path, [&] { return function(path, mode); });
}

int unlink(const char* path) noexcept {
  static const auto function = real<decltype(&::unlink)>("unlink");
  return pass("unlink", path, [&] { return function(path); });
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  static const auto function = real<decltype(&::unlinkat)>("unlinkat");
  return pass("unlink", path_of(folder, path), [&] { return function(folder, path, flags); });
}

int rmdir(const char* path) noexcept {
  static const auto function = real<decltype(&::rmdir)>("rmdir");
  return pass("unlink", path, [&] { return function(path); });
}

int remove(const char* path) noexcept {  // what std::filesystem::remove calls
  static const auto function = real<decltype(&::remove)>("remove");
  return pass("unlink", path, [&] { return function(path); });
}

}  // extern "C"
