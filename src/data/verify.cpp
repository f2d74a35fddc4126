#include "data/verify.h"

#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "data/mapped_file.h"
#include "data/output_file.h"
#include "data/tar.h"

namespace pgan::data {
namespace {

/// The tar's pictures must be where the index says, under the keys that their records have.
void verify_shard(const Pack& pack, const PackLevel& level, const PackShard& shard,
                  std::vector<std::string>& faults) {
  const std::string name = (pack.folder() / shard.file.name).string();
  const MappedFile tar(pack.folder() / shard.file.name), index(pack.folder() / level.index.name);
  std::int64_t record = shard.first;
  for (const TarEntry& entry : read_tar(tar.bytes(), name)) {
    if (entry.name.ends_with(".json")) continue;
    char key[24];
    std::snprintf(key, sizeof key, "%08lld", static_cast<long long>(record));
    std::uint64_t place[2] = {0, 0};
    if (record < pack.info().count) {
      std::memcpy(place, index.bytes().data() + 16 * record, sizeof place);
    }
    if (entry.name != std::string(key) + "." + level.encoding || place[0] != entry.offset ||
        place[1] != entry.bytes) {
      faults.push_back(name + ": " + entry.name + " is not where " + level.index.name +
                       " has record " + std::to_string(record));
      return;
    }
    ++record;
  }
  if (record != shard.first + shard.count) {
    faults.push_back(name + ": expected " + std::to_string(shard.count) + " pictures, found " +
                     std::to_string(record - shard.first));
  }
}

void verify_pictures(const Pack& pack, const PackLevel& level, std::vector<std::string>& faults) {
  std::vector<std::uint8_t> scratch;
  for (std::int64_t record = 0; record < pack.info().count; ++record) {
    try {
      pack.pixels(record, level.resolution, scratch);
    } catch (const DataError& error) {
      faults.push_back(error.what());
    }
  }
}

}  // namespace

std::vector<std::string> verify_pack(
    const Pack& pack, const std::function<void(std::int64_t, std::int64_t)>& report) {
  std::vector<std::string> faults;
  const std::vector<PackFile> files = pack.info().files();
  std::int64_t done = 0;
  for (const PackFile& file : files) {
    report(done++, static_cast<std::int64_t>(files.size()));
    const MappedFile mapped(pack.folder() / file.name);
    const std::string found = xxh3_text(mapped.bytes());
    if (found != file.xxh3) {
      faults.push_back((pack.folder() / file.name).string() + ": checksum " + found +
                       ", expected " + file.xxh3);
    }
  }
  for (const PackLevel& level : pack.info().levels) {
    for (const PackShard& shard : level.shards) {
      try {
        verify_shard(pack, level, shard, faults);
      } catch (const DataError& error) {
        faults.push_back(error.what());
      }
    }
    verify_pictures(pack, level, faults);
  }
  report(done, static_cast<std::int64_t>(files.size()));
  return faults;
}

}  // namespace pgan::data
