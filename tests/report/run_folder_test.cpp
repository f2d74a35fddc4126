#include "report/run_folder.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/launcher.h"
#include "report/scratch.h"

namespace pgan::report {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST(RunFolder, next_free_counts_on) {
  const Scratch scratch;
  const auto next = [&] {
    return RunFolder::next_free(scratch / "runs", "progressive-celeba-32").filename().string();
  };
  EXPECT_EQ(next(), "00000-progressive-celeba-32");
  for (const char* name :
       {"00003-x", "00006-other", "notes", "9-x", "00009", "-00099-x", "99999999999999999999-x"}) {
    fs::create_directories(scratch / "runs" / name);
  }
  EXPECT_EQ(next(), "00007-progressive-celeba-32");
}

TEST(RunFolder, descriptions_become_plain_names) {
  const fs::path parent = "runs";
  EXPECT_EQ(RunFolder::next_free(parent, "a/../b c\n\xc3\xa9"), parent / "00000-a-..-b-c---");
  EXPECT_EQ(RunFolder::next_free(parent, ""), parent / "00000-run");
}

TEST(RunFolder, create_makes_it_writable_and_tidy) {
  const Scratch scratch;
  const RunFolder folder(scratch / "a/b");
  folder.create();
  folder.create();
  EXPECT_THAT(names_in(folder.root()), ::testing::ElementsAre(".lock", "samples"));
}

TEST(RunFolder, create_next_never_hands_out_a_folder_twice) {
  const Scratch scratch;
  EXPECT_EQ(RunFolder::create_next(scratch / "runs", "x").root(), scratch / "runs/00000-x");
  EXPECT_EQ(RunFolder::create_next(scratch / "runs", "x").root(), scratch / "runs/00001-x");
}

TEST(RunFolder, bad_paths_are_usage_errors) {
  const Scratch scratch;
  write_text(scratch / "file", "");
  for (const fs::path& place : {scratch / "file", scratch / "file/run", fs::path("/proc/run")}) {
    const Failure failure = failure_of([&] { RunFolder(place).create(); });
    EXPECT_EQ(failure.code, ExitCode::usage) << place;
    EXPECT_THAT(failure.message, HasSubstr(place.string()));
    EXPECT_EQ(failure.message.find('\n'), std::string::npos);
  }
  EXPECT_THROW(RunFolder::next_free(scratch / "file", "x"), ConfigError);
}

TEST(RunFolder, no_permission_is_a_usage_error) {
  const Scratch scratch;
  RunFolder(scratch / "run").create();
  fs::permissions(scratch / "run", fs::perms::owner_read | fs::perms::owner_exec |
                                       fs::perms::others_read | fs::perms::others_exec);
  fs::permissions(scratch.path(), fs::perms::others_exec, fs::perm_options::add);
  const Failure failure = [&] {
    const WithoutRoot nobody;
    return failure_of([&] { RunFolder(scratch / "run").create(); });
  }();
  EXPECT_EQ(failure.code, ExitCode::usage);
  EXPECT_THAT(failure.message, HasSubstr("Permission denied"));
}

TEST(RunFolder, no_space_is_a_data_error) {
  const Scratch scratch;
  const Failure failure = failure_of(
      [&] { RunFolder(scratch / "run").create(std::numeric_limits<std::int64_t>::max()); });
  EXPECT_EQ(failure.code, ExitCode::data);
  EXPECT_THAT(failure.message, HasSubstr("at least 9.2 EB needed"));
}

TEST(RunFolder, status_says_how_the_run_is) {
  const Scratch scratch;
  const RunFolder folder(scratch / "run");
  folder.create();
  folder.write_status({.state = "running"});
  folder.write_status({.state = "failed",
                       .exit_code = ExitCode::diverged,
                       .message = "20 steps \"skipped\" \xff",
                       .progress = {1200, 38400},
                       .growth = {16, 0.5}});
  const auto status = nlohmann::json::parse(read(folder.status()));
  EXPECT_EQ(status.at("state"), "failed");
  EXPECT_EQ(status.at("exit_code"), 6);
  EXPECT_EQ(status.at("step"), 1200);
  EXPECT_EQ(status.at("images"), 38400);
  EXPECT_EQ(status.at("kimg"), 38.4);
  EXPECT_EQ(status.at("resolution"), 16);
  EXPECT_EQ(status.at("alpha"), 0.5);
  EXPECT_EQ(status.at("pid"), ::getpid());
  EXPECT_EQ(status.at("host"), host_name());
  EXPECT_THAT(
      status.at("time").get<std::string>(),
      ContainsRegex("^20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z$"));
}

TEST(RunFolder, names) {
  const RunFolder folder("run");
  EXPECT_EQ(folder.fakes(600'999), "run/samples/fakes-000600.png");
  EXPECT_EQ(folder.fakes(12'345'678'000), "run/samples/fakes-12345678.png");
  EXPECT_EQ(folder.config(), "run/config.ini");
  EXPECT_EQ(folder.stats(), "run/stats.jsonl");
}

TEST(RunLock, one_job_at_a_time) {
  const Scratch scratch;
  const RunFolder folder(scratch / "run");
  folder.create();
  {
    const RunLock lock(folder);
    const Failure failure = failure_of([&] { RunLock second(folder); });
    EXPECT_EQ(failure.code, ExitCode::checkpoint);
    EXPECT_THAT(failure.message, HasSubstr("is in use by pid " + std::to_string(::getpid()) +
                                           " on host " + host_name()));
  }
  EXPECT_EQ(failure_of([&] { RunLock third(folder); }).code, ExitCode::ok);
}

TEST(RunLock, a_killed_job_lets_go) {
  const Scratch scratch;
  const RunFolder folder(scratch / "run");
  folder.create();
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const RunLock lock(folder);
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_THAT(failure_of([&] { RunLock lock(folder); }).message,
              HasSubstr("pid " + std::to_string(child)));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  EXPECT_EQ(failure_of([&] { RunLock lock(folder); }).code, ExitCode::ok);
}

}  // namespace
}  // namespace pgan::report
