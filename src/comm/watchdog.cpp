#include "comm/watchdog.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace pgan::comm {
namespace {

constexpr double kLookSeconds = 0.2;
constexpr double kQuietSeconds = 0.5;  // no letters are looked for while collectives come and go
constexpr double kWarnSeconds = 2.0;
constexpr double kEndingSeconds = 5.0;  // in a collective, once the launcher ends the job
constexpr double kAnswerSeconds = 2.0;
constexpr double kFollowSeconds = 10.0;  // for the rank that tells to end the job
constexpr double kGraceSeconds = 8.0;    // for the own process to end

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::string whole_seconds(double seconds) {
  return std::to_string(static_cast<int>(seconds)) + " s";
}

}  // namespace

// Letters: "?" asks after a timeout, "~" early; "=N" answers from inside collective number N;
// "!text" from elsewhere.

Watchdog::Watchdog(Rank rank, std::unique_ptr<Letters> letters, Hooks hooks)
    : rank_(std::move(rank)),
      letters_(std::move(letters)),
      hooks_(std::move(hooks)),
      thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopping_changed_.notify_all();
  thread_.join();
}

void Watchdog::begin(const std::string& call) {
  const std::lock_guard lock(mutex_);
  state_ = {call, state_.number + 1, Clock::now()};
}

void Watchdog::done() {
  const std::lock_guard lock(mutex_);
  state_.call.clear();
  state_.since = Clock::now();
}

Watchdog::State Watchdog::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

/// False when the watchdog is to stop.
bool Watchdog::sleep(double seconds) {
  std::unique_lock lock(mutex_);
  return !stopping_changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                                     [this] { return stopping_; });
}

void Watchdog::run() {
  while (sleep(kLookSeconds)) look();
}

void Watchdog::look() {
  const State now = state();
  const double seconds = seconds_since(now.since);
  if (seconds < kQuietSeconds) return;
  read_letters(now.number, nullptr, nullptr);
  if (now.call.empty()) return;
  // Lower ranks ask first, so that the others hear of it and do not.
  const double turn = std::min(2.0, (rank_.number > 0 ? 0.5 : 0.0) + 0.001 * rank_.number);
  const bool timed_out = seconds > hooks_.timeout_seconds() + turn;
  const bool ending = hooks_.ending && hooks_.ending() && seconds > kEndingSeconds;
  if (!timed_out && !ending) return warn_early(now, seconds);
  const std::optional<std::string> verdict = roll_call(now, timed_out);
  if (!verdict) return;
  hooks_.tell(*verdict);
  if (sleep(kGraceSeconds)) hooks_.end(*verdict);
}

void Watchdog::warn_early(const State& now, double seconds) {
  // Nobody else: what a rank prints beyond a cut link waits in its launcher's daemon to be sent,
  // and TCP, which then retransmits for minutes, sends no keepalives by which the daemon would
  // notice.
  if (rank_.number != 0 || seconds < kWarnSeconds || warned_ == now.number) return;
  warned_ = now.number;
  if (const auto silence = roll_call(now, false)) hooks_.warn(*silence);
}

std::string Watchdog::own_answer() const {
  const State now = state();
  std::string answer(1, now.call.empty() ? '!' : '=');
  answer += now.call.empty() ? hooks_.elsewhere() : std::to_string(now.number);
  return answer;
}

/// Answers questions, and strikes those who answer ours from `silent`.
void Watchdog::read_letters(std::uint64_t number, std::set<int>* silent, std::string* elsewhere) {
  while (const auto letter = letters_->receive()) {
    if (letter->text == "?" || letter->text == "~") {
      letters_->send(letter->from, own_answer());
      if (letter->from < rank_.number) (letter->text == "?" ? followed_ : warned_) = number;
      continue;
    }
    if (silent == nullptr || silent->erase(letter->from) == 0) continue;
    std::uint64_t theirs = 0;
    const char* const end = letter->text.data() + letter->text.size();
    if (letter->text.starts_with('=')) std::from_chars(letter->text.data() + 1, end, theirs);
    if (theirs == number) continue;
    std::string place = letter->text.substr(1);
    if (theirs > 0) place = "collective " + place + ", not " + std::to_string(number);
    if (!elsewhere->empty()) *elsewhere += "; ";
    *elsewhere += list({letter->from});
    *elsewhere += " is in ";
    *elsewhere += place;
  }
}

std::string Watchdog::list(const std::set<int>& ranks) const {
  constexpr std::size_t kMost = 8;
  std::string text;
  std::size_t named = 0;
  for (const int rank : ranks) {
    if (++named > kMost) return text + " and " + std::to_string(ranks.size() - kMost) + " more";
    if (!text.empty()) text += ", ";
    text += "rank " + std::to_string(rank) + " on " + rank_.hosts[static_cast<std::size_t>(rank)];
  }
  return text;
}

/// Nothing when the collective ended after all, or when it is only slow.
std::optional<std::string> Watchdog::roll_call(const State& hung, bool timed_out) {
  std::set<int> silent;
  for (int rank = 0; rank < static_cast<int>(rank_.hosts.size()); ++rank) {
    if (rank != rank_.number) silent.insert(rank);
  }
  const auto following = [&] { return timed_out && followed_ == hung.number; };
  if (!following()) {
    for (const int rank : silent) letters_->send(rank, timed_out ? "?" : "~");
  }
  std::string elsewhere;
  const auto begun = Clock::now();
  while (seconds_since(begun) < (following() ? kFollowSeconds : kAnswerSeconds)) {
    if (!sleep(0.02)) return std::nullopt;
    read_letters(hung.number, &silent, &elsewhere);
    const State now = state();
    if (now.number != hung.number || now.call.empty()) return std::nullopt;
  }
  const std::string prefix =
      "in " + hung.call + " for " + whole_seconds(seconds_since(hung.since)) + ": ";
  if (following()) {
    followed_ = 0;
    return prefix + "a lower rank was to end the job and did not";
  }
  if (!silent.empty()) {
    return prefix + list(silent) +
           (timed_out ? " does not answer: stopped, dead, or cut off from the network"
                      : " has not answered for 2 s: stopped, dead, or behind a slow link");
  }
  if (!timed_out) return std::nullopt;
  if (!elsewhere.empty()) return prefix + elsewhere + "; raise --timeout if that was only slow";
  return prefix + "all ranks answer and have entered it: MPI or the network between them hangs";
}

}  // namespace pgan::comm
