#include "data/pack_assembly.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/chunk.h"
#include "data/output_file.h"
#include "data/pack_info.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

constexpr int kMostTries = 60;

/// What the ledgers say, put together.
struct Tables {
  PackInfo info;
  PackReport report;
  std::vector<std::int64_t> kept;                // sources, by record
  std::vector<std::vector<std::uint8_t>> index;  // by level
};

void add_chunk(Tables& out, const ChunkLedger& ledger, const Listing& listing) {
  const RecordRange records{std::ssize(out.kept), std::ssize(ledger.kept)};
  for (std::size_t i = 0; i < out.info.levels.size(); ++i) {
    const ChunkLedger::Level& level = ledger.levels.at(i);
    if (level.shard.name.empty()) continue;
    out.info.levels[i].shards.push_back({level.shard, records});
    out.index[i].insert(out.index[i].end(), level.index.begin(), level.index.end());
  }
  out.kept.insert(out.kept.end(), ledger.kept.begin(), ledger.kept.end());
  out.report.upscaled += ledger.upscaled;
  for (std::size_t i = 0; i < ledger.bad.size(); ++i) {
    const auto source = static_cast<std::size_t>(ledger.bad[i]);
    out.report.skipped.push_back({listing.sources[source].key, ledger.reasons[i]});
  }
}

Tables gather(const Listing& listing, const PackPlan& plan, const std::vector<fs::path>& ledgers) {
  Tables out;
  out.index.resize(plan.levels.size());
  for (const PlannedLevel& level : plan.levels) {
    out.info.levels.push_back({.resolution = level.resolution,
                               .encoding = level.encoding,
                               .quality = level.quality,
                               .from = level.from});
  }
  std::vector<std::string> crops;
  out.report.skipped = listing.skipped;
  for (const fs::path& file : ledgers) {
    auto ledger = ChunkLedger::load(file);
    // A network file system may not show at once what another host wrote.
    for (int tries = 0; !ledger && tries < kMostTries; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      std::error_code ignored;
      for (fs::directory_iterator look(file.parent_path(), ignored), end; look != end; ++look)
        break;
      ledger = ChunkLedger::load(file);
    }
    if (!ledger) {
      throw DataError(file.string() + ": missing or damaged; run the same command again");
    }
    add_chunk(out, *ledger, listing);
    crops.insert(crops.end(), ledger->crops.begin(), ledger->crops.end());
  }
  std::ranges::sort(crops);
  crops.erase(std::unique(crops.begin(), crops.end()), crops.end());
  for (const std::string& crop : crops) {
    out.report.crop += (out.report.crop.empty() ? "" : ", ") + crop;
  }
  return out;
}

/// Consecutive records of the same domain and split.
std::vector<PackPart> parts_of(const Listing& listing, const std::vector<std::int64_t>& kept) {
  std::vector<PackPart> parts;
  for (std::size_t record = 0; record < kept.size(); ++record) {
    const Source& source = listing.sources[static_cast<std::size_t>(kept[record])];
    if (parts.empty() || parts.back().domain != source.domain ||
        parts.back().split != source.split) {
      parts.push_back({source.domain, source.split, {static_cast<std::int64_t>(record), 0}});
    }
    ++parts.back().records.count;
  }
  return parts;
}

/// Both pictures of a pair were kept, or neither.
void check_pairs(const Listing& listing, const std::vector<std::int64_t>& kept) {
  if (!listing.paired) return;
  const std::size_t each = kept.size() / std::max<std::size_t>(1, listing.domains.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const Source& source = listing.sources[static_cast<std::size_t>(kept[i])];
    const Source& first = listing.sources[static_cast<std::size_t>(kept[i % each])];
    if (source.key != first.key) {
      throw DataError(source.key +
                      ": only one picture of this pair can be used; repair or remove "
                      "it, then run the same command again");
    }
  }
}

std::string skipped_lines(const std::vector<Skipped>& skipped) {
  std::string text;
  for (const Skipped& one : skipped) {
    const nlohmann::ordered_json json = {{"file", one.key}, {"reason", one.reason}};
    text += json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }
  return text;
}

PackFile write_file(const fs::path& folder, const std::string& name, const void* data,
                    std::size_t bytes) {
  OutputFile out(folder / name);
  out.write(bytes_of(data, bytes));
  return {name, static_cast<std::int64_t>(bytes), out.finish(true)};
}

}  // namespace

PackReport assemble_pack(const Listing& listing, const PackPlan& plan,
                         const std::vector<fs::path>& ledgers, const fs::path& folder) {
  Tables tables = gather(listing, plan, ledgers);
  PackInfo& info = tables.info;
  PackReport& report = tables.report;
  if (tables.kept.empty()) {
    const Skipped& first = report.skipped.front();
    throw DataError(listing.name + ": none of the " + std::to_string(report.skipped.size()) +
                    " pictures can be used; the first: " + first.key + ": " + first.reason);
  }
  check_pairs(listing, tables.kept);
  info.name = listing.name;
  info.source = listing.layout;
  info.crop = report.crop;
  info.count = std::ssize(tables.kept);
  info.label_names = listing.label_names;
  info.domains = listing.domains;
  info.paired = listing.paired;
  info.parts = parts_of(listing, tables.kept);
  std::vector<float> labels;
  for (const std::int64_t source : tables.kept) {
    const auto& row = listing.sources[static_cast<std::size_t>(source)].labels;
    labels.insert(labels.end(), row.begin(), row.end());
  }
  if (!labels.empty()) {
    info.labels = write_file(folder, "labels.f32", labels.data(), 4 * labels.size());
  }
  if (const std::string lines = skipped_lines(report.skipped); !lines.empty()) {
    info.skipped = write_file(folder, "skipped.jsonl", lines.data(), lines.size());
  }
  for (std::size_t i = 0; i < info.levels.size(); ++i) {
    if (info.levels[i].encoding == Encoding::reduced) continue;
    info.levels[i].index = write_file(folder, level_name(info.levels[i].resolution) + ".index",
                                      tables.index[i].data(), tables.index[i].size());
  }
  const std::string json = pack_info_json(info);
  parse_pack_info(json, folder / "dataset.json");  // what cannot be read is not written
  report.bytes = write_file(folder, "dataset.json", json.data(), json.size()).bytes;
  for (const PackFile& file : info.files()) report.bytes += file.bytes;
  report.written = info.count;
  report.resolution = plan.resolution;
  return report;
}

}  // namespace pgan::data
