#include "data/row_reader.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/noise.h"

namespace pgan::data {
namespace {

constexpr int kCandidates = 64, kTries = 16;
constexpr std::size_t kMostReports = 1000;

}  // namespace

std::vector<Stream> make_streams(const PackInfo& info, std::uint64_t seed, bool all_splits,
                                 bool by_domain) {
  if (by_domain && info.domains.empty()) {
    throw DataError("the pack " + info.name +
                    " has one domain, this model needs two: pack trainA and trainB, or pairs");
  }
  std::vector<Stream> streams;
  const std::size_t count = by_domain ? info.domains.size() : 1;
  for (std::size_t domain = 0; domain < count; ++domain) {
    std::vector<RecordRange> ranges;
    std::int64_t records = 0;
    for (const PackPart& part : info.parts) {
      if (by_domain && part.domain != static_cast<std::int64_t>(domain)) continue;
      if (!all_splits && part.split != Split::train) continue;
      ranges.push_back(part.records);
      records += part.records.count;
    }
    if (records == 0) {
      throw DataError("the pack " + info.name +
                      " has no pictures for training, all are held out: --split all takes them");
    }
    const bool own_order = by_domain && !info.paired;
    const std::uint64_t key = own_order ? seed ^ name_key(info.domains[domain]) : seed;
    streams.push_back(
        {by_domain ? info.domains[domain] : "images", std::move(ranges), Sampler(records, key)});
  }
  return streams;
}

namespace {

std::int64_t count_of(const Stream& stream) {
  std::int64_t count = 0;
  for (const RecordRange& range : stream.records) count += range.count;
  return count;
}

/// The record at an index of the stream's.
std::int64_t record_of(const Stream& stream, std::int64_t index) {
  for (const RecordRange& range : stream.records) {
    if (index < range.count) return range.first + index;
    index -= range.count;
  }
  throw Error(ExitCode::internal, "loader: an index beyond the stream's records");
}

}  // namespace

RowReader::RowReader(std::shared_ptr<const Pack> pack, std::vector<Stream> streams,
                     std::uint64_t seed)
    : pack_(std::move(pack)), streams_(std::move(streams)), seed_(seed) {
  if (streams_.empty()) throw Error(ExitCode::internal, "loader: no streams");
  for (const Stream& stream : streams_) {
    if (stream.sampler.records() != count_of(stream)) {
      throw DataError("loader: the sampler of '" + stream.entry + "' has " +
                      std::to_string(stream.sampler.records()) + " records, its ranges " +
                      std::to_string(count_of(stream)));
    }
  }
}

std::int64_t RowReader::record_at(const Stream& stream, std::int64_t position) const {
  return record_of(stream, stream.sampler.at(position));
}

std::int64_t RowReader::read(std::int64_t position, std::int64_t resolution,
                             std::vector<std::uint8_t>& scratch, const Take& take) {
  if (pack_->info().paired) {
    return read_streams(0, streams_.size(), position, resolution, scratch, take);
  }
  std::int64_t record = 0;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const std::int64_t mine = read_streams(i, 1, position, resolution, scratch, take);
    if (i == 0) record = mine;
  }
  return record;
}

/// Streams [first, first + count), which belong together, at the same index of their ranges.
void RowReader::read_at(std::size_t first, std::size_t count, std::int64_t index,
                        std::int64_t resolution, std::vector<std::uint8_t>& scratch,
                        const Take& take) const {
  for (std::size_t i = first; i < first + count; ++i) {
    take(i, pack_->pixels(record_of(streams_[i], index), resolution, scratch));
  }
}

std::int64_t RowReader::read_streams(std::size_t first, std::size_t count, std::int64_t position,
                                     std::int64_t resolution, std::vector<std::uint8_t>& scratch,
                                     const Take& take) {
  const Stream& stream = streams_[first];
  std::int64_t index = stream.sampler.at(position);
  try {
    read_at(first, count, index, resolution, scratch, take);
    return record_of(stream, index);
  } catch (const DataError& error) {
    note(error.what());
  }
  int tries = 0;
  for (const std::int64_t other : replacements(stream, position, index)) {
    if (++tries > kTries) break;
    try {
      read_at(first, count, other, resolution, scratch, take);
      return record_of(stream, other);
    } catch (const DataError& error) {
      note(error.what());
    }
  }
  throw DataError(pack_->folder().string() + ": record " +
                  std::to_string(record_of(stream, index)) + " and " + std::to_string(kTries) +
                  " others in its place cannot be read; is the disk there? pgan-data verify lists "
                  "what is damaged");
}

/// Indexes into the stream's range, those of the same labels first.
std::vector<std::int64_t> RowReader::replacements(const Stream& stream, std::int64_t position,
                                                  std::int64_t index) const {
  std::vector<std::int64_t> out;
  for (int k = 0; k < kCandidates; ++k) {
    const PhiloxBlock block =
        philox(seed_ ^ name_key("replacement"), static_cast<std::uint64_t>(position),
               static_cast<std::uint64_t>(k));
    const std::uint64_t drawn = std::uint64_t{block.word[0]} << 32 | block.word[1];
    out.push_back(
        static_cast<std::int64_t>(drawn % static_cast<std::uint64_t>(stream.sampler.records())));
  }
  const std::int64_t width = pack_->labels().size(1);
  const float* labels = pack_->labels().const_data_ptr<float>();
  const auto row = [&](std::int64_t i) { return labels + record_of(stream, i) * width; };
  std::stable_partition(out.begin(), out.end(), [&](std::int64_t other) {
    return width == 0 || std::equal(row(other), row(other) + width, row(index));
  });
  return out;
}

void RowReader::note(const std::string& fault) {
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMostReports || !known_.insert(fault).second) return;
  reports_.push_back(fault + "; another picture stands in its place");
  if (known_.size() == kMostReports) reports_.push_back("further damaged pictures are not listed");
}

std::vector<std::string> RowReader::take_reports() {
  const std::lock_guard lock(mutex_);
  return std::exchange(reports_, {});
}

}  // namespace pgan::data
