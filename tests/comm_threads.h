#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <torch/types.h>

#include "comm/communicator.h"

namespace pgan::tests {

/// n ranks as threads of one process, each with a Communicator, for tests of collective code.
///
///     ThreadRanks(4).run([&](comm::Communicator& host) { ... });
///
/// A rank that ends early by an exception wakes the others with a CommError instead of a hang.
class ThreadRanks {
 public:
  explicit ThreadRanks(int ranks, double timeout_seconds = 60)
      : ranks_(ranks), timeout_(timeout_seconds), posted_(static_cast<std::size_t>(ranks)) {}

  /// Runs body on every rank and rethrows the first cause among the exceptions (the lowest rank's
  /// that is not merely about another rank's leaving).
  void run(const std::function<void(comm::Communicator&)>& body) {
    std::exception_ptr late;
    for (auto& error : run_all(body)) {
      if (!error) continue;
      if (!is_departure(error)) std::rethrow_exception(error);
      late = error;
    }
    if (late) std::rethrow_exception(late);
  }

  /// Runs body on every rank; what each threw, by rank (null: nothing).
  std::vector<std::exception_ptr> run_all(const std::function<void(comm::Communicator&)>& body) {
    std::vector<std::exception_ptr> errors(static_cast<std::size_t>(ranks_));
    std::vector<std::thread> threads;
    departed_ = false;
    waiting_ = 0;
    for (int rank = 0; rank < ranks_; ++rank) {
      threads.emplace_back([&, rank] {
        Rank self(*this, rank);
        try {
          body(self);
        } catch (...) {
          errors[static_cast<std::size_t>(rank)] = std::current_exception();
          depart();
        }
      });
    }
    for (auto& thread : threads) thread.join();
    return errors;
  }

 private:
  struct Departure : CommError {
    using CommError::CommError;
  };
  struct Done : comm::Work {
    void wait() override {}
  };

  class Rank : public comm::Communicator {
   public:
    Rank(ThreadRanks& world, int rank) : world_(world), rank_(rank) {}
    std::string_view name() const override { return "threads"; }
    int rank() const override { return rank_; }
    int size() const override { return world_.ranks_; }
    void barrier() override { world_.meet(); }
    [[noreturn]] void abort(ExitCode) noexcept override { std::abort(); }

   private:
    std::unique_ptr<comm::Work> do_all_reduce(torch::Tensor& buffer, comm::ReduceOp op) override {
      torch::Tensor result;
      world_.exchange(rank_, buffer, [&](const std::vector<torch::Tensor>& posted) {
        result = posted[0].clone();
        for (std::size_t k = 1; k < posted.size(); ++k) {
          if (op == comm::ReduceOp::min) {
            result = torch::minimum(result, posted[k]);
          } else if (op == comm::ReduceOp::max) {
            result = torch::maximum(result, posted[k]);
          } else {
            result.add_(posted[k]);
          }
        }
        if (op == comm::ReduceOp::mean) result.div_(static_cast<double>(posted.size()));
      });
      buffer.copy_(result);
      return std::make_unique<Done>();
    }
    std::unique_ptr<comm::Work> do_broadcast(torch::Tensor& buffer, int root) override {
      world_.exchange(rank_, buffer, [&](const std::vector<torch::Tensor>& posted) {
        if (rank_ != root) buffer.copy_(posted[static_cast<std::size_t>(root)]);
      });
      return std::make_unique<Done>();
    }
    std::unique_ptr<comm::Work> do_all_gather(const torch::Tensor& part,
                                              torch::Tensor& whole) override {
      world_.exchange(rank_, part, [&](const std::vector<torch::Tensor>& posted) {
        for (std::size_t k = 0; k < posted.size(); ++k) {
          whole.view({world_.ranks_, -1})[static_cast<std::int64_t>(k)].copy_(posted[k].view(-1));
        }
      });
      return std::make_unique<Done>();
    }

    ThreadRanks& world_;
    int rank_;
  };

  /// Every rank posts a tensor; each reads all of them while none may change.
  template <class Read>
  void exchange(int rank, const torch::Tensor& tensor, Read read) {
    posted_[static_cast<std::size_t>(rank)] = tensor;
    meet();
    read(posted_);
    meet();
  }

  void meet() {
    std::unique_lock lock(mutex_);
    const auto round = round_;
    if (++waiting_ == ranks_) {
      waiting_ = 0;
      ++round_;
      changed_.notify_all();
      return;
    }
    const bool met = changed_.wait_for(lock, std::chrono::duration<double>(timeout_),
                                       [&] { return round_ != round || departed_; });
    if (round_ != round) return;
    throw Departure(met ? "another rank left" : "another rank did not come");
  }

  void depart() {
    const std::lock_guard lock(mutex_);
    departed_ = true;
    changed_.notify_all();
  }

  static bool is_departure(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const Departure&) {
      return true;
    } catch (...) {
      return false;
    }
  }

  int ranks_;
  double timeout_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<torch::Tensor> posted_;
  int waiting_ = 0;
  long round_ = 0;
  bool departed_ = false;
};

}  // namespace pgan::tests
