#pragma once
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"

namespace pgan::data {

/// As many of the threads as the system gives, one at least. Throws DataError when it gives none.
template <class Work>
void start_threads(std::vector<std::jthread>& workers, std::int64_t threads, Work work) {
  try {
    for (std::int64_t i = 0; i < threads; ++i) workers.emplace_back(work);
  } catch (const std::system_error&) {
    if (workers.empty()) {
      throw DataError("no thread can be started; fewer --threads, or a higher limit of processes");
    }
  }
}

/// Makes results 0 … count-1 in threads and consumes them in order in the calling thread, so that
/// what is written does not depend on the thread count. At most `threads` + 16 results wait.
///
/// make(i) -> Result, called from the threads; consume(i, Result&&) and idle() from the caller,
/// idle() at least every 100 ms. The first exception of any of them ends all threads and is
/// rethrown.
template <class Make, class Consume, class Idle>
void ordered_parallel(std::int64_t count, std::int64_t threads, Make make, Consume consume,
                      Idle idle) {
  using Result = decltype(make(std::int64_t{}));
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::int64_t, Result> ready;
  std::exception_ptr error;
  std::int64_t next = 0, consumed = 0;
  const std::int64_t window = threads + 16;
  bool stopping = false;

  const auto work = [&] {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stopping || next >= count || next < consumed + window; });
      if (stopping || next >= count) return;
      const std::int64_t mine = next++;
      lock.unlock();
      try {
        Result result = make(mine);
        lock.lock();
        ready.emplace(mine, std::move(result));
      } catch (...) {
        if (!lock.owns_lock()) lock.lock();
        if (!error) error = std::current_exception();
        stopping = true;
      }
      changed.notify_all();
    }
  };

  std::vector<std::jthread> workers;
  std::unique_lock lock(mutex, std::defer_lock);
  try {
    start_threads(workers, threads, work);
    lock.lock();
    while (consumed < count && !error) {
      const auto found = ready.find(consumed);
      if (found == ready.end()) {
        changed.wait_for(lock, std::chrono::milliseconds(100));
        lock.unlock();
        idle();
        lock.lock();
        continue;
      }
      Result result = std::move(found->second);
      ready.erase(found);
      lock.unlock();
      consume(consumed, std::move(result));
      idle();
      lock.lock();
      ++consumed;
      changed.notify_all();
    }
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    error = std::current_exception();
  }
  stopping = true;
  changed.notify_all();
  lock.unlock();
  workers.clear();
  if (error) std::rethrow_exception(error);
}

/// --threads as given, or one a processor for 0.
inline std::int64_t thread_count(std::int64_t asked) {
  return asked > 0 ? asked
                   : static_cast<std::int64_t>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace pgan::data
