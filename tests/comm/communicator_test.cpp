#include "comm/communicator.h"

#include <chrono>
#include <cstdlib>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/contract.h"
#include "comm/together.h"
#include "comm/transports.h"
#include "comm/work_queue.h"
#include "comm_threads.h"

namespace pgan::comm {
namespace {

TEST(Contract, Self) {
  for (const Transport& transport : transports()) {
    if (transport.name == "self") tests::check_contract(*transport.make(torch::kCPU));
  }
}

TEST(Contract, RanksAsThreads) {
  for (const int ranks : {1, 2, 3, 4}) tests::ThreadRanks(ranks).run(tests::check_contract);
}

TEST(Communicator, RefusesBuffersNoTransportCanSend) {
  const auto self = transports().front().make(torch::kCPU);
  torch::Tensor strided = torch::zeros({4, 4}).t().slice(0, 0, 2),
                half = torch::zeros({2}, torch::kHalf);
  torch::Tensor whole_number = torch::zeros({2}, torch::kInt64), undefined;
  EXPECT_THROW((void)self->all_reduce(strided, ReduceOp::sum), Error);
  EXPECT_THROW((void)self->all_reduce(half, ReduceOp::sum), Error);
  EXPECT_THROW((void)self->all_reduce(undefined, ReduceOp::sum), Error);
  EXPECT_THROW((void)self->all_reduce(whole_number, ReduceOp::mean), Error);
  EXPECT_THROW((void)self->broadcast(whole_number, 1), Error);
}

TEST(WorkQueue, RunsInOrderAndStopsAtTheFirstFailure) {
  WorkQueue queue;
  std::vector<int> seen;
  const auto one = queue.post([&] { seen.push_back(1); });
  const auto two = queue.post([] { throw CommError("lost"); });
  const auto three = queue.post([&] { seen.push_back(3); });
  EXPECT_NO_THROW(one->wait());
  EXPECT_THROW(two->wait(), CommError);
  EXPECT_THROW(three->wait(), CommError);
  EXPECT_THAT(seen, ::testing::ElementsAre(1));
}

TEST(Together, FilesThatHangEndTheWaitOnEveryRank) {
  const auto errors = tests::ThreadRanks(3).run_all([](Communicator& host) {
    host.set_timeout(0.5);
    EXPECT_THROW(together(host,
                          [&] {
                            if (host.rank() == 1)
                              std::this_thread::sleep_for(std::chrono::seconds(3));
                          }),
                 AgreedError);
    EXPECT_THROW(on_rank_0(host, [] { std::this_thread::sleep_for(std::chrono::seconds(3)); }),
                 AgreedError);
    std::this_thread::sleep_for(std::chrono::seconds(3));  // what hung uses this frame
  });
  for (const auto& error : errors) EXPECT_EQ(error, nullptr);
}

TEST(OpenHost, ALauncherThatPromisesMoreRanksIsAnError) {
  setenv("SLURM_NTASKS", "4", 1);
  try {
    open_host();
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("SLURM_NTASKS promises 4 ranks, but MPI sees 1"));
  }
  setenv("SLURM_NTASKS", "1", 1);
  EXPECT_EQ(open_host()->size(), 1);
  unsetenv("SLURM_NTASKS");
}

}  // namespace
}  // namespace pgan::comm
