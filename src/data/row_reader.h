#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "data/loader.h"

namespace pgan::data {

/// Reads the pictures of single rows, with others in the place of damaged ones. Thread-safe.
class RowReader {
 public:
  RowReader(std::shared_ptr<const Pack> pack, std::vector<Stream> streams, std::uint64_t seed);

  const std::vector<Stream>& streams() const { return streams_; }
  const Pack& pack() const { return *pack_; }
  /// The record that a position of a stream means.
  std::int64_t record_at(const Stream& stream, std::int64_t position) const;
  /// Called with a stream's number and its pixels [R,R,3], which are valid during the call.
  using Take = std::function<void(std::size_t stream, std::span<const std::uint8_t> pixels)>;
  /// Reads the row at `position` from all streams. Returns the record of the first one, which is
  /// another than record_at()'s when that is damaged. scratch: of this thread. Throws DataError
  /// when 16 replacements in a row cannot be read either.
  std::int64_t read(std::int64_t position, std::int64_t resolution,
                    std::vector<std::uint8_t>& scratch, const Take& take);
  std::vector<std::string> take_reports();

 private:
  std::int64_t read_streams(std::size_t first, std::size_t count, std::int64_t position,
                            std::int64_t resolution, std::vector<std::uint8_t>& scratch,
                            const Take& take);
  void read_at(std::size_t first, std::size_t count, std::int64_t index, std::int64_t resolution,
               std::vector<std::uint8_t>& scratch, const Take& take) const;
  std::vector<std::int64_t> replacements(const Stream& stream, std::int64_t position,
                                         std::int64_t index) const;
  void note(const std::string& fault);

  std::shared_ptr<const Pack> pack_;
  std::vector<Stream> streams_;
  std::uint64_t seed_;
  std::mutex mutex_;
  std::set<std::string> known_;       // faults that were reported
  std::vector<std::string> reports_;  // not taken yet
};

}  // namespace pgan::data
