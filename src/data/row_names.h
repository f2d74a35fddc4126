#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/importer.h"

namespace pgan::data {

/// The names that a table's rows begin with, to be found by a picture's key: by its whole path, by
/// the end of it, by its file name.
class RowNames {
 public:
  RowNames() = default;
  RowNames(RowNames&&) = default;
  RowNames& operator=(RowNames&&) = default;
  /// Rows count from 0, in the order they are added; false, and nothing added, for a name that is
  /// there already. Backslashes become '/', a leading "./" goes.
  bool add(std::string_view name);
  std::size_t size() const { return names_.size(); }
  const std::string& name(std::size_t row) const { return *names_[row]; }
  /// The row of a name as add() takes it, or -1.
  std::int64_t row_of(std::string_view name) const;
  /// The row of a picture, or -1.
  std::int64_t find(std::string_view key) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>> rows_;
  std::vector<const std::string*> names_;  // the map's keys stay where they are
};

/// The row of each key, -1 where it has none. Keys that match no row are tried once more without
/// their extension (a table's names may have another, or none) among the rows left over. Reports
/// keys without row and rows without key as warnings of the listing; several keys for one row have
/// none and are put among its skipped. table: for messages.
std::vector<std::int64_t> match_rows(const RowNames& rows, const std::vector<std::string>& keys,
                                     const std::string& table, Listing& listing);

/// Adds "1,234 what, e.g. example" to the warnings, nothing for a count of 0.
void warn_of(Listing& listing, std::size_t count, const std::string& what,
             std::string_view example);

/// "1,234,567".
std::string with_commas(std::size_t count);

}  // namespace pgan::data
