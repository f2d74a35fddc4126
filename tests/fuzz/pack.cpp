#include "data/pack.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "data/mapped_file.h"
#include "data/output_file.h"
#include "data/pack_writer.h"
#include "data/verify.h"
#include "fuzz/pack_sample.h"
#include "fuzz/scratch.h"
#include "fuzz/targets.h"

namespace pgan::fuzz {
namespace {

constexpr std::size_t kEntryBytes = 24;

/// A pack on the disk, one file of which is replaced at a time.
class Sample {
 public:
  Sample() : folder_(scratch_.path() / "pack") {
    write_sample_pack(folder_);
    for (const std::string& name : sample_files(folder_)) {
      const data::MappedFile mapped(folder_ / name);
      files_.push_back({name, {mapped.bytes().begin(), mapped.bytes().end()}});
    }
  }

  const std::filesystem::path& folder() const { return folder_; }

  struct File {
    std::string name;
    std::vector<std::uint8_t> bytes;
  };
  const File& file(std::size_t i) const { return files_[i % files_.size()]; }
  void put(const std::string& name, Bytes bytes) {
    scratch_.put("pack/" + name, bytes);
    changed_.insert(name);
  }

  /// Puts the checksums of an index right where its records lie in the shard, so that damage gets
  /// as far as the decoders.
  void put_right(const std::string& side) {
    const File *index = nullptr, *shard = nullptr;
    for (const File& file : files_) {
      if (file.name.find(side) == std::string::npos) continue;
      (file.name.ends_with(".tar") ? shard : index) = &file;
    }
    if (index == nullptr || shard == nullptr) return;
    const data::MappedFile tar(folder_ / shard->name), old(folder_ / index->name);
    std::vector<std::uint8_t> entries(old.bytes().begin(), old.bytes().end());
    for (std::size_t at = 0; at + kEntryBytes <= entries.size(); at += kEntryBytes) {
      std::uint64_t place[2];
      std::memcpy(place, &entries[at], sizeof place);
      const std::uint64_t size = tar.bytes().size();
      if (place[0] > size || place[1] > size - place[0]) continue;
      const std::uint64_t sum = data::xxh3(tar.bytes().subspan(place[0], place[1]));
      std::memcpy(&entries[at + 16], &sum, sizeof sum);
    }
    if (!std::ranges::equal(entries, old.bytes())) put(index->name, entries);
  }

  void restore() {
    for (const File& file : files_) {
      if (changed_.contains(file.name)) put(file.name, file.bytes);
    }
    changed_.clear();
  }

 private:
  Scratch scratch_;
  std::filesystem::path folder_;
  std::vector<File> files_;
  std::set<std::string> changed_;
};

template <class Call>
void refused_or(Call call) {
  try {
    call();
  } catch (const DataError& error) {
    require_line(error.what());
  }
}

void read_all(const data::Pack& pack) {
  std::vector<std::uint8_t> scratch;
  for (std::int64_t record = 0; record < pack.info().count; ++record) {
    refused_or([&] { pack.record_json(record); });
    for (const std::int64_t side : pack.info().resolutions()) {
      refused_or([&] {
        const auto pixels = pack.pixels(record, side, scratch);
        require(std::ssize(pixels) == 3 * side * side, "all pixels of a square");
      });
    }
  }
}

}  // namespace

/// The first byte says which file of a pack the rest replaces; the second, whether the file keeps
/// its length (else opening refuses it) and whether checksums are put right.
void read_pack(Bytes input) {
  if (input.size() < 2) return;
  static Sample sample;
  const Sample::File& file = sample.file(input[0]);
  std::vector<std::uint8_t> bytes(input.begin() + 2, input.end());
  if ((input[1] & 1) == 0) {
    const std::size_t given = std::min(bytes.size(), file.bytes.size());
    bytes.resize(file.bytes.size());
    std::copy(file.bytes.begin() + static_cast<std::ptrdiff_t>(given), file.bytes.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(given));
  }
  sample.put(file.name, bytes);
  if ((input[1] & 2) == 0) {
    for (const char* side : {"0004", "0008", "0032"}) sample.put_right(side);
  }
  for (const std::string& fault : data::verify_pack(sample.folder(), 1, [](auto, auto) {})) {
    require_line(fault);
  }
  std::vector<std::string> faults;
  read_all(*data::Pack::open_damaged(sample.folder(), faults));
  refused_or([&] { data::Pack::open(sample.folder()); });
  sample.restore();
}

}  // namespace pgan::fuzz
