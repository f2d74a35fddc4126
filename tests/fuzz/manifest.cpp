#include "checkpoint/manifest.h"

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "checkpoint/file.h"
#include "fuzz/targets.h"

namespace pgan::fuzz {
namespace {

using Json = nlohmann::json;

std::string dump(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

/// The text in canonical form and with the right checksum, which a fuzzer would not find.
std::string put_right(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return text;
  json.erase("xxh3");
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx",
                static_cast<unsigned long long>(checkpoint::checksum_of(dump(json))));
  json["xxh3"] = digits;
  return dump(json) + "\n";
}

}  // namespace

/// The first byte says whether the rest is a shard's part, a manifest as it is, or one whose
/// checksum is put right.
void read_manifest(Bytes input) {
  if (input.empty()) return;
  const std::string rest(input.begin() + 1, input.end());
  if (input[0] % 3 == 0) {
    const auto shard = checkpoint::Shard::from_json(rest, "shard");
    require(checkpoint::Shard::from_json(shard.to_json(), "again") == shard, "to_json() inverts");
    return;
  }
  // Writing JSON follows its levels down the stack: what is too deep for that goes as it is.
  const bool deep =
      std::count_if(rest.begin(), rest.end(), [](char c) { return c == '[' || c == '{'; }) > 1000;
  const std::string text = input[0] % 3 == 1 || deep ? rest : put_right(rest);
  checkpoint::refuse_newer_format(text, "manifest");
  const auto manifest = checkpoint::Manifest::from_json(text, "manifest");
  const auto again = checkpoint::Manifest::from_json(manifest.to_json(), "again");
  require(again.shards == manifest.shards && again.tensors == manifest.tensors &&
              again.bytes() == manifest.bytes(),
          "to_json() inverts");
}

}  // namespace pgan::fuzz
