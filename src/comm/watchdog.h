#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace pgan::comm {

/// Short messages between ranks beside their collectives. Callable while another thread of the
/// process is inside a collective. Neither call blocks nor throws.
class Letters {
 public:
  struct Letter {
    int from = 0;
    std::string text;
  };
  static constexpr std::size_t kLongest = 400;  ///< bytes; longer texts are cut

  virtual ~Letters() = default;
  virtual void send(int to, const std::string& text) = 0;
  virtual std::optional<Letter> receive() = 0;
};

/// Finds out who is missing when a collective does not come to its end.
///
/// Each rank has one, with a thread of its own. When a collective has lasted longer than the
/// timeout, the watchdogs hold a roll call: each asks the others what they are at. One that is in
/// another place says where and for how long; one that was stopped, died or cannot be reached says
/// nothing. The lowest rank that asks tells the verdict to its own process, which ends the job; the
/// others keep quiet, so that one line is printed. After a few seconds rank 0 holds a first one:
/// it only warns of ranks that do not answer, before the launcher ends a job whose host is lost.
/// While collectives come and go no letter is sent.
class Watchdog {
 public:
  struct Rank {
    int number = 0;
    std::vector<std::string> hosts;  ///< by rank
  };
  struct Hooks {
    std::function<bool()> ending;  ///< see open_host(); may be empty
    std::function<double()> timeout_seconds;
    std::function<std::string()> elsewhere;  ///< what this process does outside collectives
    std::function<void(const std::string& verdict)> warn;  ///< of a rank that does not answer
    std::function<void(const std::string& verdict)> tell;  ///< should lead to the process's end
    std::function<void(const std::string& verdict)> end;   ///< must; when tell did not
  };

  Watchdog(Rank rank, std::unique_ptr<Letters> letters, Hooks hooks);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// A collective begins or ends. Not nested.
  void begin(const std::string& call);
  void done();

 private:
  using Clock = std::chrono::steady_clock;
  struct State {
    std::string call;  // empty between collectives
    std::uint64_t number = 0;
    Clock::time_point since = Clock::now();
  };

  void run();
  bool sleep(double seconds);
  State state() const;
  void look();
  std::string own_answer() const;
  void read_letters(std::uint64_t number, std::set<int>* silent, std::string* elsewhere);
  void warn_early(const State& now, double seconds);
  std::optional<std::string> roll_call(const State& hung, bool timed_out);
  std::string list(const std::set<int>& ranks) const;

  Rank rank_;
  std::unique_ptr<Letters> letters_;
  Hooks hooks_;
  mutable std::mutex mutex_;
  std::condition_variable stopping_changed_;
  bool stopping_ = false;
  State state_;
  std::uint64_t warned_ = 0;    // the collective of the first roll call
  std::uint64_t followed_ = 0;  // in which a lower rank asked after its timeout: it will tell
  std::thread thread_;
};

}  // namespace pgan::comm
