// The NCCL transport over a stand-in for NCCL (stand_in.cpp): what it does when all is well, and
// when NCCL or a rank is not.
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/nccl_link.h"
#include "comm/nccl_transport.h"
#include "comm/transports.h"
#include "core/device.h"
#include "nccl/host_queue.h"
#include "programs.h"

namespace pgan {
namespace {

using namespace tests;
using ::testing::HasSubstr;
using ::testing::Not;

struct Job {
  Outcome outcome;
  double seconds = 0;
};

/// environment: "NAME=value …".
Job run_ranks(int ranks, const std::string& scenario, const std::string& environment = "") {
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome = run_command("env OMP_NUM_THREADS=1 " + environment + " " +
                                      mpirun(ranks).append(NCCL_RANKS) + " " + scenario);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  return {outcome, taken.count()};
}

std::string faults(const std::string& rows) {
  return "NCCL_STAND_IN_FAULTS=\"" + rows + "\" ";
}

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(NcclApi, VersionsAreCompared) {
  const comm::NcclApi api = comm::load_nccl(NCCL_STAND_IN);
  const int compiled = comm::compiled_nccl_version();
  for (const int loaded : {compiled, compiled + 1, compiled + 300}) {
    setenv("NCCL_STAND_IN_VERSION", std::to_string(loaded).c_str(), 1);
    EXPECT_EQ(message_of([&] { comm::check_nccl_version(api); }), "");
  }
  for (const int loaded : {2804, 21602, compiled - 1, 30000}) {
    setenv("NCCL_STAND_IN_VERSION", std::to_string(loaded).c_str(), 1);
    EXPECT_THAT(message_of([&] { comm::check_nccl_version(api); }),
                HasSubstr("NCCL " + comm::nccl_version_text(loaded) + " was loaded"));
  }
  unsetenv("NCCL_STAND_IN_VERSION");
  EXPECT_EQ(comm::nccl_version_text(22809), "2.28.9");
  EXPECT_EQ(comm::nccl_version_text(2804), "2.8.4");
}

TEST(NcclApi, ALibraryThatIsNotNcclIsRefused) {
  EXPECT_THAT(message_of([] { comm::load_nccl("libm.so.6"); }), HasSubstr("no ncclGetVersion"));
  EXPECT_THAT(message_of([] { comm::load_nccl("libno-such.so"); }), HasSubstr("cannot open NCCL"));
}

TEST(NcclApi, TheLibraryThatLibTorchLoadsIsFound) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's dlopen does not look where the program's does";
#endif
  if (!PGAN_USE_CUDA || !std::filesystem::exists(PGAN_NCCL_LIBRARY))
    GTEST_SKIP() << "LibTorch without CUDA, PGAN_CUDA=OFF, or NCCL is part of it";
  (void)resolve_device("auto", 0);  // opens LibTorch's CUDA part
  const comm::NcclApi api = comm::find_nccl();
  ASSERT_NE(api.get_version, nullptr);
  EXPECT_EQ(api.version(), comm::compiled_nccl_version());
}

/// LibTorch's own library on a machine without GPU: it has every function, its version fits, and
/// its refusal comes as one line. (With a GPU a stream of CUDA would be needed.)
TEST(NcclApi, TheRealLibraryFailsInOrderWithoutGpu) {
  if (!std::filesystem::exists(PGAN_NCCL_LIBRARY)) GTEST_SKIP() << "LibTorch came without NCCL";
  if (std::filesystem::exists("/dev/nvidiactl")) GTEST_SKIP() << "there is a GPU";
  const comm::NcclApi api = comm::load_nccl(PGAN_NCCL_LIBRARY);
  EXPECT_EQ(message_of([&] { comm::check_nccl_version(api); }), "");
  const auto host = comm::open_host();
  const auto queue = std::make_shared<HostQueue>("GPU-0");
  const std::string message = message_of([&] {
    (void)comm::make_nccl({api, queue, 20, 2}, *host);
  });
  EXPECT_THAT(message, HasSubstr("the start of NCCL: "));
  EXPECT_THAT(message, HasSubstr("NCCL_DEBUG"));
  RecordProperty("message", message);
  EXPECT_THAT(message, Not(HasSubstr("\n")));
}

TEST(OpenDevice, TheCpuNeedsNoTransportOfItsOwn) {
  const auto host = comm::open_host();
  EXPECT_EQ(comm::open_device(torch::kCPU, *host, 1), nullptr);
  EXPECT_EQ(comm::transports().back().name, "nccl");
  EXPECT_THROW((void)comm::transports().back().make(torch::kCPU, host.get()), Error);
}

TEST(NcclTransport, KeepsTheContract) {
  for (const int ranks : {1, 2, 4}) {
    const Job run = run_ranks(ranks, "contract");
    EXPECT_EQ(run.outcome.code, 0) << run.outcome.output;
    EXPECT_EQ(count_of(run.outcome.output, "rank left"), ranks) << run.outcome.output;
  }
}

TEST(NcclTransport, TwoRanksOnOneGpuAreRefused) {
  Job run = run_ranks(4, "work", "STAND_IN_GPUS=2");
  EXPECT_EQ(run.outcome.code, 2) << run.outcome.output;
  EXPECT_THAT(run.outcome.output, HasSubstr("ranks 0 and 2 on "));
  EXPECT_THAT(run.outcome.output, HasSubstr("would share one GPU (GPU-0), which NCCL"));
  EXPECT_THAT(run.outcome.output, HasSubstr("--device cpu"));
  EXPECT_EQ(count_of(run.outcome.output, "would share"), 1);

  const std::string newer = "STAND_IN_GPUS=1 NCCL_STAND_IN_VERSION=23001 ";
  run = run_ranks(2, "work", newer);
  EXPECT_EQ(run.outcome.code, 2) << run.outcome.output;
  EXPECT_THAT(run.outcome.output, HasSubstr("or set NCCL_MULTI_RANK_GPU_ENABLE=1"));
  run = run_ranks(2, "work", newer + "NCCL_MULTI_RANK_GPU_ENABLE=1");
  EXPECT_EQ(run.outcome.code, 0) << run.outcome.output;
  run = run_ranks(2, "work", "STAND_IN_GPUS=1 NCCL_MULTI_RANK_GPU_ENABLE=1");
  EXPECT_EQ(run.outcome.code, 2) << "2.28 cannot, whatever is set: " << run.outcome.output;
}

TEST(NcclTransport, AnotherVersionIsRefusedOnce) {
  const Job run = run_ranks(2, "work", "NCCL_STAND_IN_VERSION=21602");
  EXPECT_EQ(run.outcome.code, 2) << run.outcome.output;
  EXPECT_EQ(count_of(run.outcome.output, "NCCL 2.16.2 was loaded, but"), 1) << run.outcome.output;
}

TEST(NcclTransport, AnErrorOfACallEndsTheJobWithOneLine) {
  for (const char* call : {"ncclAllReduce:5:error", "ncclAllReduce:5:late_error"}) {
    const Job run = run_ranks(2, "work", faults(std::string(call) + "@1"));
    EXPECT_EQ(run.outcome.code, 5) << run.outcome.output;
    EXPECT_THAT(run.outcome.output, HasSubstr("NCCL, rank 1 on "));
    EXPECT_THAT(run.outcome.output, HasSubstr("bucket 2 of 5 (step 7, phase D): "));
    EXPECT_THAT(run.outcome.output, HasSubstr("(said by the stand-in for NCCL)"));
    EXPECT_LT(run.seconds, 30) << call;
  }
}

TEST(NcclTransport, ABadStartEndsTheJob) {
  for (const char* call :
       {"ncclCommInitRankConfig:1:error@0", "ncclCommInitRankConfig:1:late_error@1",
        "ncclCommInitRankConfig:1:stall@0", "ncclCommInitRankConfig:1:hang@1"}) {
    const Job run = run_ranks(2, "work", faults(call) + "STAND_IN_TIMEOUT=3");
    EXPECT_EQ(run.outcome.code, 5) << call << run.outcome.output;
    EXPECT_THAT(run.outcome.output, HasSubstr("the start of NCCL")) << call;
    EXPECT_LT(run.seconds, 30) << call;
  }
  const Job run = run_ranks(2, "work", faults("ncclGetUniqueId:1:error@0"));
  EXPECT_EQ(run.outcome.code, 5) << run.outcome.output;
  EXPECT_EQ(count_of(run.outcome.output, "ncclGetUniqueId: unhandled system error"), 1);
}

TEST(NcclTransport, AHangEndsWithinTheTimeout) {
  for (const char* fault : {"ncclAllReduce:5:stall@1", "ncclAllReduce:5:hang@1"}) {
    const Job run = run_ranks(2, "work", faults(fault) + "STAND_IN_TIMEOUT=3");
    EXPECT_EQ(run.outcome.code, 5) << fault << run.outcome.output;
    EXPECT_THAT(run.outcome.output, HasSubstr("bucket 2 of 5 (step 7, phase D): no end after"));
    EXPECT_THAT(run.outcome.output, HasSubstr("another rank has stopped or hangs")) << fault;
    EXPECT_LT(run.seconds, 30) << fault;
  }
}

TEST(NcclTransport, AHangOfAQuestionEndsTheJob) {
  Job run = run_ranks(1, "work", faults("ncclCommGetAsyncError:3:hang@0") + "STAND_IN_TIMEOUT=2");
  EXPECT_EQ(run.outcome.code, 5) << run.outcome.output;
  EXPECT_LT(run.seconds, 30);
  run = run_ranks(1, "stuck", "STAND_IN_TIMEOUT=2");
  EXPECT_EQ(run.outcome.code, 5) << run.outcome.output;
  EXPECT_THAT(run.outcome.output, HasSubstr("a call of NCCL does not return"));
  EXPECT_LT(run.seconds, 30);
}

TEST(NcclTransport, AKilledRankEndsTheJob) {
  const Job run = run_ranks(4, "work", faults("ncclAllReduce:9:kill@2") + "STAND_IN_TIMEOUT=5");
  EXPECT_NE(run.outcome.code, 0);
  EXPECT_LT(run.seconds, 30);
}

TEST(NcclTransport, AnAbortThatHangsEndsTheProcess) {
  const Job run = run_ranks(2, "work",
                            faults("ncclAllReduce:5:stall@1;ncclCommAbort:1:hang@0;"
                                   "ncclCommAbort:1:hang@1") +
                                "STAND_IN_TIMEOUT=3");
  EXPECT_EQ(run.outcome.code, 5) << run.outcome.output;
  EXPECT_THAT(run.outcome.output, HasSubstr("and NCCL's abort hangs"));
  EXPECT_LT(run.seconds, 30);
}

TEST(NcclTransport, AnErrorThatNobodyAsksAboutEndsTheProcess) {
  const Job run = run_ranks(2, "sleep", faults("ncclAllReduce:2:stall@0") + "STAND_IN_TIMEOUT=2");
  EXPECT_EQ(run.outcome.code, 5) << run.outcome.output;
  EXPECT_THAT(run.outcome.output, HasSubstr("all_reduce (starting): no end after 2 s"));
  EXPECT_LT(run.seconds, 30);
}

TEST(NcclTransport, LeavingNeverHangs) {
  for (const char* fault : {"", "ncclCommFinalize:1:stall@0", "ncclCommFinalize:1:hang@0"}) {
    const Job run = run_ranks(2, "leave", faults(fault));
    EXPECT_EQ(run.outcome.code, 0) << fault << run.outcome.output;
    EXPECT_EQ(count_of(run.outcome.output, "rank left"), 2) << fault << run.outcome.output;
    EXPECT_LT(run.seconds, 30) << fault;
  }
}

}  // namespace
}  // namespace pgan
