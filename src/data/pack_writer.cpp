#include "data/pack_writer.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <fstream>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/decode.h"
#include "data/encode.h"
#include "data/level_writer.h"
#include "data/new_folder.h"
#include "data/ordered_parallel.h"
#include "data/output_file.h"
#include "data/pack_info.h"
#include "data/resample.h"
#include "data/tar.h"

namespace pgan::data {

void PackOptions::visit(OptionVisitor& visitor) {
  visitor.group("Packing");
  visitor.field("resolution", resolution,
                "pixels a side of the largest level, a power of two from 4 to 1024; 0: what fits");
  visitor.field(
      "crop", crop,
      "auto, center, celeba-128 (x 25-153, y 57-185 of 178x218) or celeba-178 (centre 178); "
      "auto: celeba-128 for CelebA's pictures, else center");
  visitor.field("threads", threads, "threads that decode; 0: one a processor");
  visitor.field("shard-mib", shard_mib, "size in MiB at which a shard ends");
  visitor.field("strict", strict, "stop at the first bad picture instead of skipping it");
  visitor.field("force", force, "replace an older pack at the same place");
}

void PackOptions::validate() const {
  const bool power = resolution >= 4 && resolution <= 1024 &&
                     std::has_single_bit(static_cast<std::uint64_t>(resolution));
  if (resolution != 0 && !power) {
    throw ConfigError("--resolution: expected a power of two from 4 to 1024, found " +
                      std::to_string(resolution));
  }
  if (threads < 0 || threads > 1024) {
    throw ConfigError("--threads: expected 0 to 1024, found " + std::to_string(threads));
  }
  if (shard_mib < 1 || shard_mib > 1 << 20) {
    throw ConfigError("--shard-mib: expected 1 to 1048576, found " + std::to_string(shard_mib));
  }
  parse_crop(crop);
}

namespace {

constexpr int kPngCompression = 4;

std::vector<std::uint8_t> encode_ppm(const torch::Tensor& image) {
  const std::int64_t side = image.size(1), area = side * side;
  const std::string text = std::to_string(side);
  const std::string header = "P6\n" + text + " " + text + "\n255\n";
  std::vector<std::uint8_t> bytes(header.begin(), header.end());
  bytes.resize(header.size() + static_cast<std::size_t>(3 * area));
  std::uint8_t* to = bytes.data() + header.size();
  const std::uint8_t* planes = image.const_data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < area; ++i) {
    for (std::int64_t c = 0; c < 3; ++c) *to++ = planes[c * area + i];
  }
  return bytes;
}

/// One picture at all levels, ascending; or why there is none.
struct Prepared {
  std::vector<std::vector<std::uint8_t>> levels;
  bool upscaled = false;
  Crop crop = Crop::center;
  std::string bad;
};

Prepared prepare(const Listing& listing, const Source& source, Crop crop, std::int64_t resolution) {
  Prepared out;
  try {
    const torch::Tensor picture = listing.pictures->read(source, {});
    const Square square = crop_square(crop, picture.size(1), picture.size(0), source.key);
    out.crop = resolve_crop(crop, picture.size(1), picture.size(0));
    out.upscaled = square.side < resolution;
    const torch::Tensor cut =
        picture.narrow(0, square.y, square.side).narrow(1, square.x, square.side);
    for (const torch::Tensor& level : make_levels(cut, resolution)) {
      out.levels.push_back(level.size(1) <= LevelWriter::kLargestRaw
                               ? encode_ppm(level)
                               : encode_png(level, kPngCompression));
    }
    std::reverse(out.levels.begin(), out.levels.end());
  } catch (const DataError& error) {
    out.bad = error.what();
  }
  return out;
}

/// key.json: what WebDataset readers get beside the picture.
std::string record_json(const Listing& listing, const Source& source) {
  static constexpr const char* kSplits[] = {"train", "validation", "test"};
  nlohmann::ordered_json json = {{"file", source.key}};
  if (listing.has_split) json["split"] = kSplits[static_cast<std::size_t>(source.split)];
  json["labels"] = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < listing.label_names.size(); ++i) {
    const float value = source.labels[i];
    if (value == static_cast<float>(static_cast<int>(value))) {
      json["labels"][listing.label_names[i]] = static_cast<int>(value);
    } else {
      json["labels"][listing.label_names[i]] = value;
    }
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::int64_t estimated_bytes(std::int64_t count, std::int64_t resolution) {
  std::int64_t each = 2048;  // key.json and the indexes
  for (std::int64_t side = 4; side <= resolution; side *= 2) {
    const std::int64_t raw = 3 * side * side;
    each += 512 + static_cast<std::int64_t>(tar_padded(static_cast<std::uint64_t>(
                      side <= LevelWriter::kLargestRaw ? raw + 16 : raw / 2)));
  }
  return each * count;
}

/// The whole pack under construction.
class PackBuilder {
 public:
  PackBuilder(const Listing& listing, std::filesystem::path folder, std::int64_t resolution,
              std::uint64_t shard_bytes)
      : listing_(listing), folder_(std::move(folder)) {
    for (std::int64_t side = 4; side <= resolution; side *= 2) {
      levels_.emplace_back(folder_, side, shard_bytes);
    }
  }

  void add(const Source& source, const Prepared& prepared) {
    char key[24];
    std::snprintf(key, sizeof key, "%08lld", static_cast<long long>(count_++));
    for (std::size_t i = 0; i < levels_.size(); ++i) {
      levels_[i].add(key, prepared.levels[i], i == 0 ? record_json(listing_, source) : "");
    }
    labels_.insert(labels_.end(), source.labels.begin(), source.labels.end());
    splits_.push_back(static_cast<std::uint8_t>(source.split));
    has_split_ = listing_.has_split;
  }

  /// Writes the tables and dataset.json; returns all files' bytes.
  std::int64_t finish(const std::string& crop) {
    PackInfo info;
    info.name = listing_.name;
    info.source = listing_.layout;
    info.crop = crop;
    info.count = count_;
    info.label_names = listing_.label_names;
    if (!labels_.empty()) info.labels = table("labels.f32", labels_.data(), 4 * labels_.size());
    if (has_split_) info.split = table("split.u8", splits_.data(), splits_.size());
    for (LevelWriter& level : levels_) info.levels.push_back(level.finish());
    const std::string json = pack_info_json(info);
    OutputFile out(folder_ / "dataset.json");
    out.write(bytes_of(json.data(), json.size()));
    out.finish();
    std::int64_t bytes = static_cast<std::int64_t>(json.size());
    for (const PackFile& file : info.files()) bytes += file.bytes;
    return bytes;
  }

 private:
  PackFile table(const std::string& name, const void* data, std::size_t bytes) const {
    OutputFile out(folder_ / name);
    out.write(bytes_of(data, bytes));
    return {name, static_cast<std::int64_t>(bytes), out.finish()};
  }

  const Listing& listing_;
  std::filesystem::path folder_;
  std::vector<LevelWriter> levels_;
  std::vector<float> labels_;
  std::vector<std::uint8_t> splits_;
  bool has_split_ = false;
  std::int64_t count_ = 0;
};

}  // namespace

std::int64_t fitting_resolution(const Listing& listing, Crop crop) {
  constexpr std::size_t kSamples = 25;
  std::vector<std::int64_t> sides;
  const std::size_t count = listing.sources.size(),
                    stride = std::max<std::size_t>(1, count / kSamples);
  // A second pass over all pictures when none of the sample can be read.
  for (const std::size_t step : {stride, std::size_t{1}}) {
    for (std::size_t i = 0; i < count && sides.size() < kSamples; i += step) {
      const std::string& file = listing.sources[i].key;
      try {
        const torch::Tensor picture = listing.pictures->read(listing.sources[i], {});
        sides.push_back(crop_square(crop, picture.size(1), picture.size(0), file).side);
      } catch (const DataError&) {
        continue;
      }
    }
    if (!sides.empty()) break;
  }
  // Packing then finds none either, and says why of each.
  if (sides.empty()) return 4;
  std::nth_element(sides.begin(), sides.begin() + static_cast<std::ptrdiff_t>(sides.size() / 2),
                   sides.end());
  const std::int64_t side = std::clamp<std::int64_t>(sides[sides.size() / 2], 4, 1024);
  return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(side)));
}

PackReport write_pack(const Listing& listing, const std::filesystem::path& out,
                      const PackOptions& options, const ProgressReport& report,
                      const BadPicture& on_bad) {
  options.validate();
  NewFolder folder(out, options.force);
  PackReport result;
  Crop crop = parse_crop(options.crop);
  if (crop == Crop::automatic) crop = listing.crop;
  result.resolution =
      options.resolution != 0 ? options.resolution : fitting_resolution(listing, crop);
  const auto total = static_cast<std::int64_t>(listing.sources.size());
  folder.require_space(estimated_bytes(total, result.resolution));
  PackBuilder builder(listing, folder.path(), result.resolution,
                      static_cast<std::uint64_t>(options.shard_mib) << 20);
  std::int64_t done = 0;
  bool mixed_crops = false;
  std::string first_bad;
  const auto make = [&](std::int64_t i) {
    return prepare(listing, listing.sources[static_cast<std::size_t>(i)], crop, result.resolution);
  };
  const auto consume = [&](std::int64_t i, Prepared&& prepared) {
    ++done;
    if (!prepared.bad.empty()) {
      if (options.strict) throw DataError(prepared.bad);
      if (result.bad++ == 0) first_bad = prepared.bad;
      on_bad(prepared.bad);
      return;
    }
    const std::string used = crop_name(prepared.crop);
    if (result.written > 0 && used != result.crop) mixed_crops = true;
    result.crop = used;
    builder.add(listing.sources[static_cast<std::size_t>(i)], prepared);
    ++result.written;
    result.upscaled += prepared.upscaled ? 1 : 0;
  };
  ordered_parallel(total, thread_count(options.threads), make, consume,
                   [&] { report(done, total); });
  if (result.written == 0) {
    throw DataError(listing.name + ": none of the " + std::to_string(total) +
                    " pictures can be used" +
                    (first_bad.empty() ? "" : "; the first: " + first_bad));
  }
  if (mixed_crops) result.crop = crop_name(crop);
  result.bytes = builder.finish(result.crop);
  folder.commit();
  return result;
}

}  // namespace pgan::data
