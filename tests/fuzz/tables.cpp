#include <array>

#include "data/layouts.h"
#include "data/table_reader.h"
#include "fuzz/scratch.h"
#include "fuzz/targets.h"

namespace pgan::fuzz {
namespace {

/// A table where a data set has it.
struct Place {
  const char* name;
  bool (*recognises)(const std::filesystem::path& root);
  data::Listing (*list)(const std::filesystem::path& root);
};

constexpr std::array kPlaces = {
    Place{"list_attr_celeba.txt", data::recognises_celeba, data::list_celeba},
    Place{"list_attr_celeba.csv", data::recognises_celeba, data::list_celeba},
    Place{"list_eval_partition.txt", data::recognises_celeba, data::list_celeba},
    Place{"list_eval_partition.csv", data::recognises_celeba, data::list_celeba},
    Place{"CelebAMask-HQ-attribute-anno.txt", data::recognises_celeba_hq, data::list_celeba_hq},
    Place{"labels.csv", data::recognises_table, data::list_table},
    Place{"captions.csv", data::recognises_captions, data::list_captions},
    Place{"Flickr8k.token.txt", data::recognises_captions, data::list_captions},
    Place{"dataset.json", data::recognises_stylegan, data::list_stylegan},
};

/// A folder with pictures of the names that the corpus uses, empty: listing does not open them.
class Set : public Scratch {
 public:
  Set() {
    for (const char* folder : {"img_align_celeba/", "CelebA-HQ-img/", ""}) {
      for (const char* name : {"000001.jpg", "000002.jpg", "3.png"}) {
        put(std::string(folder) + name, "");
      }
    }
  }
};

void read_rows(data::TableReader& reader) {
  std::int64_t line = 0;
  while (reader.next()) {
    require(reader.line() > line, "lines ascend");
    line = reader.line();
    require(!reader.fields().empty(), "a row has a field");
    for (const std::string_view field : reader.fields()) data::parse_number(data::trimmed(field));
  }
}

void check(const data::Listing& listing) {
  for (const data::Source& source : listing.sources) {
    require(source.labels.size() == listing.label_names.size(), "one value a label");
  }
  for (const std::string& warning : listing.warnings) require_line(warning);
  for (const data::Skipped& skipped : listing.skipped) require_line(skipped.reason);
}

}  // namespace

/// The first byte says which table the rest is.
void read_tables(Bytes input) {
  if (input.empty()) return;
  static const std::array<Set, kPlaces.size()> sets;
  const std::size_t which = input[0] % (kPlaces.size() + 1);
  const Bytes rest = input.subspan(1);
  if (which == kPlaces.size()) {
    const auto file = sets[0].put("table", rest);
    data::TableReader guessed(file), plain(file, data::TableFormat{' ', false});
    read_rows(guessed);
    read_rows(plain);
    return;
  }
  const Place& place = kPlaces[which];
  const Set& set = sets[which];
  if (std::string_view(place.name).starts_with("list_eval")) {
    set.put("list_attr_celeba.txt", "2\nSmiling Young\n000001.jpg -1 1\n000002.jpg 1 -1\n");
  }
  set.put(place.name, rest);
  if (place.recognises(set.path())) check(place.list(set.path()));
}

}  // namespace pgan::fuzz
