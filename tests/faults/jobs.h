#pragma once
// A tiny run under mpirun, and what must hold of its folder after any fault.
#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "programs.h"

namespace pgan::tests {

/// A whole number from the environment.
inline std::int64_t number_from(const char* variable, std::int64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::atoll(text) : otherwise;
}

/// Why tests with mpirun cannot run here; empty when they can.
inline std::string missing_for_jobs() {
  if (!fs::exists("/proc/self/stat")) return "needs /proc";
  if (run_command("command -v mpirun").code != 0) return "needs mpirun";
  if (!fs::exists(program("pgan-train"))) return "no program " + program("pgan-train");
  return "";
}

/// Trains a network that grows from 4 to 8 pixels, 0.016 kimg a step and a line of stats.jsonl for
/// each, a checkpoint every second step. `more` are options, such as --max-steps.
inline std::string tiny_run(const std::string& pack, const std::string& run,
                            const std::string& more,
                            const std::string& growth = "--stable-kimg 0.048 --fade-kimg 0.064") {
  return program("pgan-train") + " --data " + pack + " --run " + run +
         " --resolution 8 --fmap-base 64 --fmap-max 8 --latent 8 --minibatch 16 --total-kimg 100"
         " --checkpoint-kimg 0.032 --tick-kimg 0.016 --threads 1 --seed 5 --progress none " +
         growth + " " + more;
}

/// mpirun that ends the other ranks at once when one dies.
inline std::string job(const std::string& command, const std::string& environment = "") {
  return mpirun(2) + "--mca odls_base_sigkill_timeout 0 " + environment + command;
}

/// Puts disk_faults.cpp's library before a program of a job.
inline std::string with_fault(const std::string& rules, const std::string& log = "") {
  return std::string("env LD_PRELOAD=") + PGAN_DISK_FAULTS_LIBRARY + " PGAN_DISK_FAULT=\"" + rules +
         "\" " + (log.empty() ? "" : "PGAN_DISK_FAULT_LOG=" + log + " ");
}

/// Puts a copy of a folder, or nothing where there is none, in the place of another.
inline void copy_folder(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  if (!fs::exists(from)) return;
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
}

/// Checkpoints with their visible names, oldest first.
inline std::vector<std::string> checkpoints_of(const std::string& run) {
  std::vector<std::string> names;
  if (!fs::exists(run)) return names;
  for (const auto& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("images-")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Where the link `latest` points; empty where there is none.
inline std::string latest_of(const std::string& run) {
  std::error_code none;
  return fs::read_symlink(run + "/latest", none).string();
}

/// What a run should not leave behind: hidden names of saves and of files being replaced.
inline std::vector<std::string> leftovers_of(const std::string& run, const std::string& part) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(".") && name.find(part) != std::string::npos) names.push_back(name);
  }
  return names;
}

inline Outcome verify(const std::string& where) {
  return run_command(program("pgan-checkpoint") + " verify " + where);
}

/// The newest whole checkpoint's name, as pgan-checkpoint sees it; empty where there is none.
inline std::string newest_whole(const std::string& run) {
  const Outcome info = run_command(program("pgan-checkpoint") + " info " + run);
  const std::string before = "checkpoint  " + run + "/";
  const std::size_t at = info.output.find(before);
  if (info.code != 0 || at == std::string::npos) return "";
  const std::size_t name = at + before.size();
  return info.output.substr(name, info.output.find(' ', name) - name);
}

/// A checkpoint's file as compared: a manifest without the times that its counters hold, and so
/// without its checksum.
inline std::string comparable(const std::string& file) {
  const std::string text = read_file(file);
  if (!file.ends_with("/manifest.json")) return text;
  nlohmann::json manifest = nlohmann::json::parse(text, nullptr, false);
  if (!manifest.is_object() || !manifest.contains("extra")) return text;
  nlohmann::json counters =
      nlohmann::json::parse(manifest["extra"].value("counters", std::string("{}")), nullptr, false);
  counters.erase("elapsed_seconds");
  for (const char* time : {"seconds", "data_wait", "rank_wait"}) counters["window"].erase(time);
  manifest["extra"]["counters"] = counters.dump();
  manifest.erase("xxh3");
  return manifest.dump();
}

/// Empty when two checkpoints are the same, byte for byte but for times; otherwise the first
/// difference.
inline std::string difference(const std::string& a, const std::string& b) {
  std::set<std::string> files;
  for (const std::string& folder : {a, b}) {
    if (!fs::exists(folder)) return "there is no " + folder;
    for (const auto& entry : fs::directory_iterator(folder))
      files.insert(entry.path().filename().string());
  }
  for (const std::string& file : files) {
    for (const std::string& folder : {a, b}) {
      if (!fs::exists(folder + "/" + file)) return file + " is not in " + folder;
    }
    if (comparable(a + "/" + file) != comparable(b + "/" + file)) return file + " differs";
  }
  return files.empty() ? "no files" : "";
}

/// stats.jsonl by step, without what a machine's speed and memory decide. Reports doubles and steps
/// that go back.
inline std::map<std::int64_t, std::string> stats_of(const std::string& run) {
  std::map<std::int64_t, std::string> lines;
  std::istringstream text(read_file(run + "/stats.jsonl"));
  std::int64_t last = 0;
  for (std::string line; std::getline(text, line);) {
    nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object()) {
      ADD_FAILURE() << run << "/stats.jsonl after step " << last << ": " << line;
      continue;
    }
    for (const char* field : {"images_per_second", "data_wait_share", "rank_wait_share",
                              "resident_bytes", "elapsed_seconds", "rank_seconds", "slowest_rank"})
      object.erase(field);
    const std::int64_t step = object.at("step");
    EXPECT_GT(step, last) << run << "/stats.jsonl";
    last = step;
    lines[step] = object.dump();
  }
  return lines;
}

/// As if nothing had happened: the same final checkpoint and the same curves.
inline void expect_same_run(const std::string& run, const std::string& reference) {
  if (checkpoints_of(run).empty()) {
    ADD_FAILURE() << "no checkpoint in " << run;
    return;
  }
  const std::string last = checkpoints_of(reference).back();
  EXPECT_EQ(checkpoints_of(run).back(), last);
  EXPECT_EQ(difference(run + "/" + last, reference + "/" + last), "");
  EXPECT_EQ(stats_of(run), stats_of(reference));
}

/// Lines of a job's output that say what went wrong.
inline std::vector<std::string> lines_with(const std::string& output, const std::string& part) {
  std::vector<std::string> found;
  std::istringstream text(output);
  for (std::string line; std::getline(text, line);) {
    if (line.find(part) != std::string::npos) found.push_back(line);
  }
  return found;
}

}  // namespace pgan::tests
