#include "data/verify.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "data/mapped_file.h"
#include "data/ordered_parallel.h"
#include "data/output_file.h"
#include "data/pack.h"
#include "data/printable.h"
#include "data/tar.h"

namespace pgan::data {
namespace {

using Faults = std::vector<std::string>;

/// One shard of one level.
struct Item {
  const PackLevel* level;
  const PackShard* shard;
};

bool checksum_agrees(const Pack& pack, const PackFile& file) {
  const MappedFile mapped(pack.folder() / file.name);
  return bring_in(mapped.bytes()) && xxh3_text(mapped.bytes()) == file.xxh3;
}

/// The tar's pictures must be where the index says, in the records' order.
void check_places(const Pack& pack, const Item& item, Faults& faults) {
  const std::string name = (pack.folder() / item.shard->file.name).string();
  const MappedFile tar(pack.folder() / item.shard->file.name);
  const MappedFile index(pack.folder() / item.level->index.name);
  const auto width = static_cast<std::size_t>(pack.info().index_entry_bytes());
  const RecordRange& records = item.shard->records;
  std::int64_t record = records.first;
  for (const TarEntry& entry : read_tar(tar.bytes(), name)) {
    if (entry.name.ends_with(".json")) continue;
    std::uint64_t place[2] = {0, 0};
    const std::size_t at = width * static_cast<std::size_t>(record);
    if (at + width <= index.bytes().size()) {
      std::memcpy(place, index.bytes().data() + at, sizeof place);
    }
    const bool named = entry.name.ends_with(encoding_name(item.level->encoding));
    if (record >= records.first + records.count || !named || place[0] != entry.offset ||
        place[1] != entry.bytes) {
      faults.push_back(name + ": " + printable(entry.name) + " is not where " +
                       item.level->index.name + " has record " + std::to_string(record));
      return;
    }
    ++record;
  }
  if (record != records.first + records.count) {
    faults.push_back(name + ": expected " + std::to_string(records.count) + " pictures, found " +
                     std::to_string(record - records.first));
  }
}

/// What people know a record by; empty when that cannot be read either.
std::string source_name(const Pack& pack, std::int64_t record) {
  try {
    const std::string json = pack.record_json(record);
    std::string name(1, ' ');
    name.append(printable(json.substr(0, json.find(','))));
    return name;
  } catch (const DataError&) {
    return "";
  }
}

Faults verify_shard(const Pack& pack, const Item& item) {
  Faults faults;
  std::vector<std::uint8_t> scratch;
  const RecordRange& records = item.shard->records;
  std::error_code ignored;
  if (!std::filesystem::exists(pack.folder() / item.shard->file.name, ignored)) return faults;
  for (std::int64_t record = records.first; record < records.first + records.count; ++record) {
    try {
      pack.pixels(record, item.level->resolution, scratch);
    } catch (const DataError& error) {
      faults.emplace_back(error.what());
      faults.back().append(source_name(pack, record));
    }
  }
  if (!faults.empty()) return faults;
  try {
    const bool whole = checksum_agrees(pack, item.shard->file);  // brings the pages in
    check_places(pack, item, faults);
    if (!whole && faults.empty()) {
      faults.push_back((pack.folder() / item.shard->file.name).string() +
                       ": damaged outside the pictures");
    }
  } catch (const DataError& error) {
    faults.push_back(error.what());
  }
  return faults;
}

}  // namespace

std::vector<std::string> verify_pack(
    const std::filesystem::path& folder, std::int64_t threads,
    const std::function<void(std::int64_t, std::int64_t)>& report) {
  Faults faults;
  const auto pack = Pack::open_damaged(folder, faults);
  const PackInfo& info = pack->info();
  std::vector<PackFile> tables;
  std::vector<Item> items;
  for (const PackFile& file : {info.labels, info.skipped, info.split}) {
    if (!file.name.empty()) tables.push_back(file);
  }
  for (const PackLevel& level : info.levels) {
    if (level.encoding == Encoding::reduced) continue;
    tables.push_back(level.index);
    for (const PackShard& shard : level.shards) items.push_back({&level, &shard});
  }
  for (const PackFile& file : tables) {
    const std::string name = (folder / file.name).string();
    try {
      if (!checksum_agrees(*pack, file)) faults.push_back(name + ": its checksum differs");
    } catch (const DataError&) {
      continue;  // open_damaged() has noted it
    }
  }
  std::int64_t done = 0;
  const std::int64_t total = std::ssize(items);
  ordered_parallel(
      total, thread_count(threads),
      [&](std::int64_t i) { return verify_shard(*pack, items[static_cast<std::size_t>(i)]); },
      [&](std::int64_t, Faults&& found) {
        ++done;
        faults.insert(faults.end(), found.begin(), found.end());
      },
      [&] { report(done, total); });
  return faults;
}

}  // namespace pgan::data
