#pragma once
// A job in a session of its own: its processes can be found, killed and waited for.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace pgan::tests {

using JobClock = std::chrono::steady_clock;

inline double seconds_since(JobClock::time_point start) {
  return std::chrono::duration<double>(JobClock::now() - start).count();
}

/// Processes that exist, from /proc. One that has ended and is waited for by nobody does not count.
struct ProcessEntry {
  pid_t pid = 0;
  std::string name;
  char state = '?';
  pid_t session = 0;
};

inline std::vector<ProcessEntry> processes_of(pid_t session) {
  std::vector<ProcessEntry> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    std::ifstream file(entry.path() / "stat");
    std::string text;
    if (!std::getline(file, text)) continue;
    // PID (NAME) STATE PARENT GROUP SESSION ...; the name may hold anything but ends at the last
    // ")".
    const std::size_t open = text.find('('), close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos) continue;
    ProcessEntry process;
    process.pid = static_cast<pid_t>(std::atol(text.c_str()));
    process.name = text.substr(open + 1, close - open - 1);
    pid_t parent = 0, group = 0;
    std::istringstream(text.substr(close + 1)) >> process.state >> parent >> group >>
        process.session;
    if (process.session == session && process.state != 'Z' && process.state != 'X')
      found.push_back(process);
  }
  return found;
}

class SessionJob {
 public:
  /// Starts a shell command; what it prints goes to a file.
  SessionJob(const std::string& command, const std::string& output) {
    const std::string text = "exec " + command;
    leader_ = ::fork();
    if (leader_ < 0) throw std::runtime_error("fork failed");
    if (leader_ != 0) return;
    ::setsid();
    const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    const int in = ::open("/dev/null", O_RDONLY);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execl("/bin/bash", "bash", "-c", text.c_str(), nullptr);
    ::_exit(127);
  }
  ~SessionJob() {
    kill_all();
    if (!ended()) ::waitpid(leader_, nullptr, 0);
  }
  SessionJob(const SessionJob&) = delete;
  SessionJob& operator=(const SessionJob&) = delete;

  /// Whether the leader (mpirun) has ended; then code() is its exit status.
  bool ended() {
    if (ended_) return true;
    int status = 0;
    if (::waitpid(leader_, &status, WNOHANG) != leader_) return false;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return ended_ = true;
  }
  int code() const { return code_; }

  /// Waits for the leader; whether it ended in time.
  bool wait_until(JobClock::time_point deadline) {
    while (!ended()) {
      if (JobClock::now() >= deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  /// Waits for all processes of the session; whether they were gone in time.
  bool wait_until_gone(double seconds) {
    const JobClock::time_point start = JobClock::now();
    while (!ended() || !processes_of(leader_).empty()) {
      if (seconds_since(start) > seconds) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }

  /// Pids of the processes with a program's name.
  std::vector<pid_t> running(const std::string& name) const {
    std::vector<pid_t> pids;
    for (const ProcessEntry& process : processes_of(leader_)) {
      if (process.name == name) pids.push_back(process.pid);
    }
    return pids;
  }

  pid_t leader() const { return leader_; }

  void kill_all() const {
    for (const ProcessEntry& process : processes_of(leader_)) ::kill(process.pid, SIGKILL);
  }

 private:
  pid_t leader_ = 0;
  bool ended_ = false;
  int code_ = -1;
};

}  // namespace pgan::tests
