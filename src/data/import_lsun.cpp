#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "data/folder_labels.h"
#include "data/layouts.h"
#include "data/lmdb_records.h"
#include "data/mapped_file.h"
#include "data/picture_files.h"
#include "data/printable.h"
#include "data/row_names.h"

namespace pgan::data {
namespace {

namespace fs = std::filesystem;

bool is_database(const fs::path& folder) {
  std::error_code error;
  return fs::is_regular_file(folder / "data.mdb", error);
}

/// "church_outdoor_train_lmdb": category and split; a category may be empty ("test_lmdb").
struct Database {
  fs::path folder;
  std::string name, category;
  std::optional<Split> split;
};

Database parse_name(const fs::path& folder) {
  std::error_code error;
  const fs::path plain = fs::absolute(folder, error).lexically_normal();
  const std::string full = (plain.has_filename() ? plain : plain.parent_path()).filename().string();
  std::string name = full.ends_with("_lmdb") ? full.substr(0, full.size() - 5) : full;
  const std::size_t mark = name.rfind('_');
  const auto split = split_by_name(mark == std::string::npos ? name : name.substr(mark + 1));
  if (split) name.resize(mark == std::string::npos ? 0 : mark);
  return {folder, full, name, split};
}

std::vector<Database> find_databases(const fs::path& root) {
  if (is_database(root)) return {parse_name(root)};
  // Pictures, which there may be millions of, have a dot.
  const auto names =
      names_in(root, [](std::string_view name) { return name.find('.') == name.npos; });
  std::vector<Database> found;
  for (const std::string& name : names) {
    std::error_code error;
    const fs::path folder = root / name;
    if (!fs::is_symlink(folder, error) && is_database(folder)) found.push_back(parse_name(folder));
  }
  return found;
}

/// A source's place is its record's number over all databases.
class LmdbPictures : public Pictures {
 public:
  explicit LmdbPictures(std::vector<LmdbRecords> databases) : databases_(std::move(databases)) {}

  torch::Tensor read(const Source& source, const DecodeOptions& options) const override {
    std::uint64_t place = source.place;
    const LmdbRecords& database =
        part_at(databases_, place, [](const LmdbRecords& one) { return one.records().size(); });
    const auto bytes = database.records()[place].value;
    require_readable(bytes, printable(source.key));
    return decode(bytes, printable(source.key), options);
  }

 private:
  std::vector<LmdbRecords> databases_;
};

std::vector<std::string> class_names(const std::vector<Database>& databases) {
  std::set<std::string> names;
  for (const Database& database : databases) {
    if (!database.category.empty()) names.insert(database.category);
  }
  if (names.size() < 2) return {};
  return {names.begin(), names.end()};
}

void add_records(const Database& database, const LmdbRecords& records, bool prefixed,
                 std::uint64_t first, Listing& listing) {
  const auto& names = listing.label_names;
  const auto known = std::lower_bound(names.begin(), names.end(), database.category);
  const bool labelled = known != names.end() && *known == database.category;
  const std::string prefix = prefixed ? database.name + "/" : "";
  if (!names.empty() && !labelled) {
    warn_of(listing, records.records().size(), "pictures left out: of no category", database.name);
    return;
  }
  const std::vector<float> labels =
      labelled ? one_hot(names.size(), static_cast<std::size_t>(known - names.begin()))
               : std::vector<float>();
  for (const LmdbRecords::Record& record : records.records()) {
    listing.sources.push_back({.key = prefix + record.key,
                               .place = first++,
                               .labels = labels,
                               .split = database.split.value_or(Split::train)});
  }
}

}  // namespace

bool recognises_lsun(const fs::path& root) {
  return !find_databases(root).empty();
}

Listing list_lsun(const fs::path& root) {
  Listing listing;
  const std::vector<Database> databases = find_databases(root);
  listing.label_names = class_names(databases);
  std::vector<LmdbRecords> opened;
  std::uint64_t first = 0;
  for (const Database& database : databases) {
    opened.emplace_back(database.folder);
    const bool prefixed = databases.size() > 1;
    add_records(database, opened.back(), prefixed, first, listing);
    first += opened.back().records().size();
  }
  listing.pictures = std::make_shared<LmdbPictures>(std::move(opened));
  return listing;
}

}  // namespace pgan::data
