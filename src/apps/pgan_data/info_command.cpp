#include <cstdio>

#include "apps/pgan_data/commands.h"
#include "data/pack.h"
#include "data/printable.h"
#include "data/statistics.h"

namespace pgan::apps {
namespace {

/// Eight heights of a bar.
constexpr const char* kBars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

/// One character a bin, the fullest at full height.
std::string bars(const std::vector<std::int64_t>& bins) {
  std::int64_t most = 1;
  for (const std::int64_t bin : bins) most = std::max(most, bin);
  std::string out;
  for (const std::int64_t bin : bins) out += kBars[(bin * 8 + most - 1) / most];
  return out;
}

void print_counts(const data::PackInfo& info) {
  std::printf("name        %s (layout %s, crop %s, format version %lld)\npictures    %lld\n",
              data::printable(info.name).c_str(), data::printable(info.source).c_str(),
              data::printable(info.crop).c_str(), static_cast<long long>(info.version),
              static_cast<long long>(info.count));
  if (info.domains.empty() && info.parts.size() < 2) return;
  for (const data::PackPart& part : info.parts) {
    const char* domain =
        info.domains.empty() ? "" : info.domains[static_cast<std::size_t>(part.domain)].c_str();
    std::printf("  %9lld  %s %s\n", static_cast<long long>(part.records.count),
                data::split_name(part.split).c_str(), domain);
  }
  if (info.paired) std::printf("             paired\n");
}

void print_levels(const data::PackInfo& info) {
  std::printf("levels\n");
  for (const data::PackLevel& level : info.levels) {
    const auto side = static_cast<long long>(level.resolution);
    if (level.encoding == data::Encoding::reduced) {
      std::printf("  %5lld pixels  read from the level of %lld\n", side,
                  static_cast<long long>(level.from));
      continue;
    }
    std::int64_t bytes = 0;
    for (const data::PackShard& shard : level.shards) bytes += shard.file.bytes;
    std::string encoding = data::encoding_name(level.encoding);
    if (level.encoding == data::Encoding::jpg) encoding.append(std::to_string(level.quality));
    std::printf("  %5lld pixels  %s  %zu shard%s  %.1f MiB  %.1f KiB a picture\n", side,
                encoding.c_str(), level.shards.size(), level.shards.size() == 1 ? "" : "s",
                static_cast<double>(bytes) / (1 << 20),
                static_cast<double>(bytes) / 1024 / static_cast<double>(info.count));
  }
}

void print_labels(const data::Pack& pack) {
  const auto& names = pack.info().label_names;
  std::printf("labels      %zu\n", names.size());
  const std::vector<data::LabelStatistics> all = data::label_statistics(pack);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const data::LabelStatistics& label = all[i];
    if (label.binary) {
      std::printf("  %5.1f %%  %s\n", 100 * label.mean, data::printable(names[i]).c_str());
    } else {
      std::printf("  %g to %g, mean %.4g, deviation %.4g |%s|  %s\n", label.low, label.high,
                  label.mean, label.deviation, bars(label.bins).c_str(),
                  data::printable(names[i]).c_str());
    }
  }
}

void print_pixels(const data::Pack& pack) {
  const data::PixelStatistics pixels = data::pixel_statistics(pack);
  std::printf("pixels      of %lld pictures at %lld, from 0 to 255\n",
              static_cast<long long>(pixels.pictures), static_cast<long long>(pixels.resolution));
  constexpr const char* kNames[] = {"red", "green", "blue"};
  for (std::size_t c = 0; c < 3; ++c) {
    std::printf("  %-5s  mean %5.1f  deviation %5.1f  |%s|\n", kNames[c], pixels.mean[c],
                pixels.deviation[c], bars(pixels.bins[c]).c_str());
  }
  if (pixels.damaged > 0) {
    std::printf("warning: %lld pictures looked at are damaged; pgan-data verify names all\n",
                static_cast<long long>(pixels.damaged));
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
  print_counts(pack->info());
  print_levels(pack->info());
  print_labels(*pack);
  print_pixels(*pack);
  return ExitCode::ok;
}

}  // namespace pgan::apps
