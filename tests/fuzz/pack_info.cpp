#include "data/pack_info.h"

#include "fuzz/targets.h"

namespace pgan::fuzz {

void read_pack_info(Bytes input) {
  const std::string text(input.begin(), input.end());
  const data::PackInfo info = data::parse_pack_info(text, "dataset.json");
  require(info.count >= 1 && !info.levels.empty(), "a pack has records and levels");
  if (info.version < data::PackInfo::kVersion) return;
  const std::string again = data::pack_info_json(info);
  require(data::pack_info_json(data::parse_pack_info(again, "again")) == again,
          "pack_info_json() inverts");
}

}  // namespace pgan::fuzz
