#include <cstdio>
#include <filesystem>
#include <iostream>
#include <vector>

#include "apps/pgan_checkpoint/commands.h"
#include "checkpoint/load.h"
#include "core/error.h"

namespace pgan::apps {
namespace {

constexpr double kMiB = 1 << 20;

void print_networks(const checkpoint::Manifest& manifest) {
  std::printf("tensors\n");
  for (const auto& [network, size] : network_sizes(manifest)) {
    std::printf("  %-12s %5lld tensors  %12lld elements  %9.1f MiB\n", network.c_str(),
                static_cast<long long>(size.tensors), static_cast<long long>(size.elements),
                static_cast<double>(size.bytes) / kMiB);
  }
}

void print_texts(const char* title, const std::map<std::string, std::string>& texts) {
  if (texts.empty()) return;
  std::printf("%s\n", title);
  for (const auto& [name, value] : texts) {
    // One line each, whatever a value holds.
    std::string line;
    for (const char letter : value.substr(0, 200)) {
      line += static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f ? ' ' : letter;
    }
    std::printf("  %-24s %s%s\n", name.c_str(), line.c_str(), value.size() > 200 ? "…" : "");
  }
}

void verify_one(const std::filesystem::path& folder) {
  const checkpoint::Found found = checkpoint::open_newest(folder);
  checkpoint::verify(found);
  std::printf("%s: whole, %zu tensors in %d file%s, %.1f MiB\n", found.folder.c_str(),
              found.manifest.tensors.size(), found.manifest.ranks,
              found.manifest.ranks == 1 ? "" : "s",
              static_cast<double>(found.manifest.bytes()) / kMiB);
}

}  // namespace

ExitCode info_command(const Arguments& arguments) {
  std::string folder;
  bool all = false;
  const auto visit = [&](OptionVisitor& visitor) {
    visitor.field("checkpoint", folder, "a checkpoint's folder, or a run's");
    visitor.field("tensors", all, "also list every tensor");
  };
  if (!parse_command(arguments, "pgan-checkpoint info DIR", visit, {"checkpoint"})) {
    return ExitCode::ok;
  }
  require_option("the checkpoint's folder", folder, "pgan-checkpoint info checkpoints/00001");
  const checkpoint::Found found = checkpoint::open_newest(folder);
  const checkpoint::Manifest& manifest = found.manifest;
  std::printf("checkpoint  %s (format version %d)\nmodel       %s\n", found.folder.c_str(),
              manifest.format, manifest.recipe.c_str());
  std::printf("progress    %.3f kimg, step %lld\n",
              static_cast<double>(manifest.progress.images) / 1000,
              static_cast<long long>(manifest.progress.step));
  std::printf("growth      resolution %lld, alpha %.4g\n",
              static_cast<long long>(manifest.growth.resolution), manifest.growth.alpha);
  std::printf("files       %d rank%s, %.1f MiB\n", manifest.ranks, manifest.ranks == 1 ? "" : "s",
              static_cast<double>(manifest.bytes()) / kMiB);
  print_networks(manifest);
  print_texts("options", manifest.config);
  print_texts("versions", manifest.versions);
  print_texts("extra", manifest.extra);
  if (!all) return ExitCode::ok;
  for (const auto& [name, entry] : manifest.tensors) {
    std::cout << name << " " << checkpoint::text_of(entry) << "\n";
  }
  return ExitCode::ok;
}

ExitCode verify_command(const Arguments& arguments) {
  std::string folder;
  const auto visit = [&](OptionVisitor& visitor) {
    visitor.field("checkpoint", folder, "a checkpoint's folder, or a run's: then all of them");
  };
  if (!parse_command(arguments, "pgan-checkpoint verify DIR", visit, {"checkpoint"})) {
    return ExitCode::ok;
  }
  require_option("the checkpoint's folder", folder, "pgan-checkpoint verify checkpoints/00001");
  std::vector<std::filesystem::path> folders;
  for (const checkpoint::Listed& one : checkpoint::list(folder)) folders.push_back(one.folder);
  if (folders.empty()) folders.emplace_back(folder);
  std::vector<std::string> problems;
  for (const std::filesystem::path& one : folders) {
    try {
      verify_one(one);
    } catch (const CheckpointError& error) {
      problems.emplace_back(error.what());
    }
  }
  if (problems.empty()) return ExitCode::ok;
  const std::string others = folders.size() > 1 ? " (" + std::to_string(problems.size()) + " of " +
                                                      std::to_string(folders.size()) +
                                                      " checkpoints are not whole)"
                                                : "";
  throw CheckpointError(problems.back() + others);
}

}  // namespace pgan::apps
