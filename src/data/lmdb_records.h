#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace pgan::data {

/// The records of an LMDB database (a folder with data.mdb), opened read-only and without a lock:
/// nothing may write it meanwhile. The file's length and its count of records are checked; its
/// inner pages are not, and LMDB trusts them: a hostile data.mdb can end the process.
class LmdbRecords {
 public:
  struct Record {
    std::string key;
    std::span<const std::uint8_t> value;  ///< mapped; lives as long as the LmdbRecords
  };

  /// Throws DataError: no LMDB, written by another version, cut short, damaged.
  explicit LmdbRecords(const std::filesystem::path& folder);
  ~LmdbRecords();
  LmdbRecords(LmdbRecords&&) noexcept;

  /// All records, ordered by key.
  const std::vector<Record>& records() const { return records_; }

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
  std::vector<Record> records_;
};

}  // namespace pgan::data
