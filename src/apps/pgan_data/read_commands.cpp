#include <algorithm>
#include <cstdio>
#include <iostream>

#include "apps/pgan_data/commands.h"
#include "apps/pgan_data/interrupt.h"
#include "apps/pgan_data/progress_line.h"
#include "core/error.h"
#include "data/encode.h"
#include "data/pack.h"
#include "data/sheet.h"
#include "data/verify.h"

namespace pgan::apps {
namespace {

void print_levels(const data::PackInfo& info) {
  for (const data::PackLevel& level : info.levels) {
    std::int64_t bytes = 0;
    for (const data::PackShard& shard : level.shards) bytes += shard.file.bytes;
    std::printf("  %5lld pixels  %s  %zu shard%s  %.1f MiB\n",
                static_cast<long long>(level.resolution), level.encoding.c_str(),
                level.shards.size(), level.shards.size() == 1 ? "" : "s",
                static_cast<double>(bytes) / (1 << 20));
  }
}

void print_labels(const data::Pack& pack) {
  const auto& names = pack.info().label_names;
  std::printf("labels      %zu%s\n", names.size(),
              names.empty() ? "" : ", with the share of pictures:");
  if (names.empty()) return;
  const torch::Tensor shares = pack.labels().to(torch::kFloat64).mean(0);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const double share = shares.const_data_ptr<double>()[i];
    std::printf("  %5.1f %%  %s\n", 100 * share, names[i].c_str());
  }
}

}  // namespace

ExitCode info_command(const Arguments& arguments) {
  std::string folder;
  const auto visit = [&](OptionVisitor& visitor) {
    visitor.field("pack", folder, "the pack's folder");
  };
  if (!parse_command(arguments, "pgan-data info DIR", visit, {"pack"})) return ExitCode::ok;
  require_option("the pack's folder", folder, "pgan-data info celeba-pack");
  const auto pack = data::Pack::open(folder);
  const data::PackInfo& info = pack->info();
  std::printf("name        %s (layout %s, crop %s, format version %lld)\npictures    %lld",
              info.name.c_str(), info.source.c_str(), info.crop.c_str(),
              static_cast<long long>(info.version), static_cast<long long>(info.count));
  if (info.has_split()) {
    const auto split = pack->split();
    const char* separator = " (";
    for (const auto& [value, name] : {std::pair{0, "train"}, {1, "validation"}, {2, "test"}}) {
      std::printf("%s%lld %s", separator,
                  static_cast<long long>(std::count(split.begin(), split.end(), value)), name);
      separator = ", ";
    }
    std::printf(")");
  }
  std::printf("\nlevels\n");
  print_levels(info);
  print_labels(*pack);
  return ExitCode::ok;
}

ExitCode verify_command(const Arguments& arguments) {
  std::string folder;
  const auto visit = [&](OptionVisitor& visitor) {
    visitor.field("pack", folder, "the pack's folder");
  };
  if (!parse_command(arguments, "pgan-data verify DIR", visit, {"pack"})) return ExitCode::ok;
  require_option("the pack's folder", folder, "pgan-data verify celeba-pack");
  const auto pack = data::Pack::open(folder);
  std::vector<std::string> faults;
  {
    ProgressLine line("verifying", "files");
    faults = data::verify_pack(*pack, [&](std::int64_t done, std::int64_t total) {
      check_interrupt();
      line.update(done, total);
    });
  }
  constexpr std::size_t kMostShown = 50;
  for (std::size_t i = 0; i < std::min(faults.size(), kMostShown); ++i)
    std::cout << faults[i] << "\n";
  if (!faults.empty()) {
    throw DataError(folder + ": " + std::to_string(faults.size()) +
                    " faults; copy or make the pack again");
  }
  std::cout << folder << ": whole, " << pack->info().count << " pictures in "
            << pack->info().files().size() << " files\n";
  return ExitCode::ok;
}

ExitCode sheet_command(const Arguments& arguments) {
  std::string folder, out;
  data::SheetOptions options;
  const auto visit = [&](OptionVisitor& visitor) {
    options.visit(visitor);
    visitor.field("pack", folder, "the pack's folder");
    visitor.field("out", out, "PNG or JPEG file to write");
  };
  if (!parse_command(arguments, "pgan-data sheet DIR --out FILE.png [options]", visit, {"pack"}))
    return ExitCode::ok;
  require_option("the pack's folder", folder, "pgan-data sheet celeba-pack --out sheet.png");
  require_option("--out", out, "pgan-data sheet celeba-pack --out sheet.png");
  const auto pack = data::Pack::open(folder);
  data::write_image(out, data::contact_sheet(*pack, options));
  std::cout << out << "\n";
  return ExitCode::ok;
}

}  // namespace pgan::apps
