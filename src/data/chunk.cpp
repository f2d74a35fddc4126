#include "data/chunk.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <system_error>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/mapped_file.h"
#include "data/output_file.h"

namespace pgan::data {
namespace {

using Json = nlohmann::json;

std::string shard_name(std::int64_t resolution, std::int64_t chunk) {
  char text[32];
  std::snprintf(text, sizeof text, "-%05lld.tar", static_cast<long long>(chunk));
  return level_name(resolution).append(text);
}

/// Stops at more levels than a ledger has: CBOR is followed down the stack, however many there are.
class FewLevels : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return ++depth_ <= kMost; }
  bool start_array(std::size_t) override { return ++depth_ <= kMost; }
  bool end_object() override { return --depth_ >= 0; }
  bool end_array() override { return --depth_ >= 0; }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
    return false;
  }

 private:
  static constexpr int kMost = 4;
  int depth_ = 0;
};

ChunkLedger from_json(const Json& json) {
  ChunkLedger out;
  json.at("kept").get_to(out.kept);
  json.at("bad").get_to(out.bad);
  json.at("reasons").get_to(out.reasons);
  json.at("crops").get_to(out.crops);
  json.at("upscaled").get_to(out.upscaled);
  for (const Json& level : json.at("levels")) {
    out.levels.push_back({.shard = {.name = level.at("file").get<std::string>(),
                                    .bytes = level.at("bytes").get<std::int64_t>(),
                                    .xxh3 = level.at("xxh3").get<std::string>()},
                          .index = level.at("index").get_binary()});
  }
  return out;
}

}  // namespace

void ChunkLedger::save(const std::filesystem::path& file) const {
  Json json = {{"kept", kept},
               {"bad", bad},
               {"crops", crops},
               {"upscaled", upscaled},
               {"levels", Json::array()},
               {"reasons", reasons}};
  for (const Level& level : levels) {
    json["levels"].push_back({{"file", level.shard.name},
                              {"bytes", level.shard.bytes},
                              {"xxh3", level.shard.xxh3},
                              {"index", Json::binary(level.index)}});
  }
  const std::vector<std::uint8_t> body = Json::to_cbor(json);
  const std::uint64_t sum = xxh3(body);
  std::vector<std::uint8_t> bytes(sizeof sum);
  std::memcpy(bytes.data(), &sum, sizeof sum);
  bytes.insert(bytes.end(), body.begin(), body.end());
  replace_file(file, bytes, true);
}

std::optional<ChunkLedger> ChunkLedger::load(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::nullopt;
  try {
    const MappedFile mapped(file);
    const auto bytes = mapped.bytes();
    std::uint64_t sum = 0;
    if (bytes.size() < sizeof sum) return std::nullopt;
    std::memcpy(&sum, bytes.data(), sizeof sum);
    const auto body = bytes.subspan(sizeof sum);
    FewLevels levels;
    if (xxh3(body) != sum ||
        !Json::sax_parse(body.begin(), body.end(), &levels, Json::input_format_t::cbor)) {
      return std::nullopt;
    }
    return from_json(Json::from_cbor(body.begin(), body.end()));
  } catch (const Json::exception&) {
    return std::nullopt;
  } catch (const DataError&) {
    return std::nullopt;
  }
}

ChunkWriter::ChunkWriter(std::filesystem::path folder, const PackPlan& plan, std::int64_t chunk)
    : folder_(std::move(folder)), plan_(plan), chunk_(chunk) {
  ledger_.levels.resize(plan.levels.size());
  tars_.resize(plan.levels.size());
}

void ChunkWriter::add(std::int64_t source, const Prepared& prepared, const std::string& json) {
  if (!prepared.bad.empty()) {
    ledger_.bad.push_back(source);
    ledger_.reasons.push_back(prepared.bad);
    return;
  }
  ledger_.kept.push_back(source);
  ledger_.upscaled += prepared.upscaled ? 1 : 0;
  if (std::ranges::find(ledger_.crops, prepared.crop) == ledger_.crops.end()) {
    ledger_.crops.push_back(prepared.crop);
  }
  const std::string key = record_key(source);
  bool labelled = false;
  for (std::size_t i = 0; i < tars_.size(); ++i) {
    const PlannedLevel& level = plan_.levels[i];
    if (level.encoding == Encoding::reduced) continue;
    if (!tars_[i]) {
      ledger_.levels[i].shard.name = shard_name(level.resolution, chunk_);
      tars_[i] = std::make_unique<TarWriter>(folder_ / ledger_.levels[i].shard.name);
    }
    const std::vector<std::uint8_t>& file = prepared.files[i];
    const std::uint64_t place[3] = {tars_[i]->add(key + "." + encoding_name(level.encoding), file),
                                    file.size(), xxh3(file)};
    const auto entry = bytes_of(place, sizeof place);
    ledger_.levels[i].index.insert(ledger_.levels[i].index.end(), entry.begin(), entry.end());
    if (!labelled) tars_[i]->add(key + ".json", bytes_of(json));
    labelled = true;
  }
}

ChunkLedger ChunkWriter::finish() {
  for (std::size_t i = 0; i < tars_.size(); ++i) {
    if (!tars_[i]) continue;
    PackFile& shard = ledger_.levels[i].shard;
    shard.xxh3 = tars_[i]->finish(true);
    shard.bytes = static_cast<std::int64_t>(tars_[i]->bytes());
    tars_[i].reset();
  }
  return std::move(ledger_);
}

}  // namespace pgan::data
