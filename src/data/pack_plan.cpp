#include "data/pack_plan.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "data/prepare.h"
#include "data/tar.h"

namespace pgan::data {

void PackOptions::visit(OptionVisitor& visitor) {
  visitor.group("Packing");
  visitor.field(
      "resolution", resolution,
      "pixels a side of the largest level, a power of two from 4 to 1024; 0: what nine of "
      "ten pictures fill");
  visitor.field("native", native,
                "one more level of this many pixels a side, no power of two; 0: as the layout says "
                "(28 for MNIST, else none)");
  visitor.field(
      "crop", crop,
      "auto, center, celeba-128 (x 25-153, y 57-185 of 178x218), celeba-178 (centre 178), "
      "pad (the whole picture on a black square) or box:x,y,w,h (pixels); auto: "
      "celeba-128 for CelebA's shape in a CelebA layout, else center");
  visitor.field("upscale", upscale,
                "no: pictures smaller than the largest level are left out; yes: enlarged");
  visitor.field("encode", encode,
                "ENCODING[,RESOLUTION:ENCODING]..., each from its resolution up to the next: raw, "
                "png, jpeg:QUALITY, or reduced (not stored: read from a larger JPEG level)");
  visitor.field("max-pixels", max_pixels, "pictures that declare more pixels are left out");
  visitor.field("test-fraction", test_fraction,
                "share of the pictures to hold out as test split, chosen by their names; 0: the "
                "set's own split, if it has one");
  visitor.field("threads", threads, "threads of each rank; 0: one a processor");
  visitor.field("shard-mib", shard_mib, "MiB that a shard of the largest level holds, about");
  visitor.field("strict", strict, "stop at the first bad picture instead of leaving it out");
  visitor.field("force", force, "replace an older pack at the same place");
}

namespace {

void check_range(const char* option, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return;
  throw ConfigError(std::string(option) + ": expected " + std::to_string(low) + " to " +
                    std::to_string(high) + ", found " + std::to_string(value));
}

}  // namespace

void PackOptions::validate() const {
  if (resolution != 0 && (!is_power_of_two(resolution) || resolution < 4 || resolution > 1024)) {
    throw ConfigError("--resolution: expected a power of two from 4 to 1024, found " +
                      std::to_string(resolution));
  }
  if (native != 0 && (is_power_of_two(native) || native < 4 || native > 1024)) {
    throw ConfigError("--native: expected 4 to 1024 and no power of two, found " +
                      std::to_string(native));
  }
  if (upscale != "no" && upscale != "yes") {
    throw ConfigError("--upscale: expected no or yes, found '" + upscale + "'");
  }
  if (!(test_fraction >= 0 && test_fraction < 1)) {
    throw ConfigError("--test-fraction: expected 0 to below 1, found " +
                      std::to_string(test_fraction));
  }
  check_range("--max-pixels", max_pixels, 1, std::int64_t{1} << 30);
  check_range("--threads", threads, 0, 1024);
  check_range("--shard-mib", shard_mib, 1, 1 << 20);
  parse_crop(crop);
  plan_levels(encode, resolution != 0 ? resolution : 1024, native);
}

namespace {

constexpr std::int64_t kLargest = 1024;

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

[[noreturn]] void bad_encoding(std::string_view item) {
  throw ConfigError(
      "--encode: expected raw, png, jpeg:QUALITY (1 to 100) or reduced, from a resolution on as in "
      "raw,256:png,1024:jpeg:95; found '" +
      std::string(item) + "'");
}

/// "ENCODING" or "RESOLUTION:ENCODING"; without a resolution, from 4 on.
PlannedLevel parse_item(std::string_view item) {
  PlannedLevel out{.resolution = 4};
  std::string_view rest = item;
  if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
    const auto colon = rest.find(':');
    const auto resolution = whole_number(rest.substr(0, colon));
    if (colon == std::string_view::npos || !resolution || *resolution < 4) bad_encoding(item);
    out.resolution = *resolution;
    rest.remove_prefix(colon + 1);
  }
  if (rest == "raw") return out;
  if (rest == "png" || rest == "reduced") {
    out.encoding = rest == "png" ? Encoding::png : Encoding::reduced;
    return out;
  }
  const auto quality =
      rest.starts_with("jpeg:") ? whole_number(rest.substr(5)) : std::optional<std::int64_t>{};
  if (!quality || *quality < 1 || *quality > 100) bad_encoding(item);
  out.encoding = Encoding::jpg;
  out.quality = *quality;
  return out;
}

std::vector<PlannedLevel> parse_encodings(std::string_view text) {
  std::vector<PlannedLevel> out;
  while (true) {
    const auto comma = text.find(',');
    out.push_back(parse_item(text.substr(0, comma)));
    if (out.size() > 1 && out.back().resolution <= out[out.size() - 2].resolution) {
      throw ConfigError("--encode: expected each resolution above the one before, found '" +
                        std::string(text) + "'");
    }
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

/// Gives reduced levels the nearest JPEG level above.
void find_sources(std::vector<PlannedLevel>& levels) {
  for (PlannedLevel& level : levels) {
    if (level.encoding != Encoding::reduced) continue;
    for (const PlannedLevel& other : levels) {
      const std::int64_t side = level.resolution;
      const bool scaled = other.resolution == 2 * side || other.resolution == 4 * side ||
                          other.resolution == 8 * side;
      if (scaled && other.encoding == Encoding::jpg && level.from == 0) {
        level.from = other.resolution;
      }
    }
    if (level.from == 0) {
      throw ConfigError("--encode: level " + std::to_string(level.resolution) +
                        " cannot be read reduced: that needs a jpeg level of 2, 4 or 8 times its "
                        "size");
    }
  }
}

/// `most` sources, evenly spread.
std::vector<const Source*> sample_sources(const Listing& listing, std::size_t most) {
  std::vector<const Source*> out;
  const std::size_t count = listing.sources.size(), stride = std::max<std::size_t>(1, count / most);
  for (std::size_t i = 0; i < count && out.size() < most; i += stride) {
    out.push_back(&listing.sources[i]);
  }
  return out;
}

/// The largest power of two (4 to 1024) that these squares fill, nine of ten of them at least.
std::int64_t fitting_resolution(std::vector<std::int64_t> sides) {
  // Packing then finds no picture either, and says why of each.
  if (sides.empty()) return 4;
  std::sort(sides.begin(), sides.end());
  const std::int64_t side = std::clamp<std::int64_t>(sides[sides.size() / 10], 4, kLargest);
  return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(side)));
}

std::vector<std::int64_t> sample_sides(const Listing& listing, const PackPlan& plan) {
  std::vector<std::int64_t> sides;
  const auto look = [&](const Source& source) {
    try {
      const torch::Tensor picture = read_picture(listing, source, plan.decode);
      const Square cut = crop_square(plan.crop, picture.size(1), picture.size(0), source.key);
      sides.push_back(std::max(cut.side, plan.canvas));
    } catch (const DataError&) {
      return;
    }
  };
  for (const Source* source : sample_sources(listing, 25)) look(*source);
  // When none of the sample can be read, one of the first that can.
  constexpr std::size_t kMostLooked = 200;
  for (std::size_t i = 0; i < std::min(listing.sources.size(), kMostLooked) && sides.empty(); ++i) {
    look(listing.sources[i]);
  }
  return sides;
}

/// A pure function of the plan and the count: the same chunks whatever the ranks.
std::int64_t chunk_records(const PackPlan& plan, std::int64_t shard_mib, std::int64_t count) {
  double largest = 1;
  for (const PlannedLevel& level : plan.levels) {
    const double share = level.encoding == Encoding::ppm   ? 1.0
                         : level.encoding == Encoding::png ? 0.6
                         : level.encoding == Encoding::jpg ? 0.2
                                                           : 0.0;
    largest = std::max(largest, share * 3.0 * static_cast<double>(level.resolution) *
                                        static_cast<double>(level.resolution) +
                                    1024.0);
  }
  const auto full = static_cast<std::int64_t>(static_cast<double>(shard_mib << 20) / largest);
  // Smaller sets still give many ranks something to do, in shards that are no crumbs.
  constexpr std::int64_t kChunks = 64, kFewest = 256;
  return std::max<std::int64_t>(1, std::min(full, std::max(kFewest, count / kChunks)));
}

}  // namespace

std::vector<PlannedLevel> plan_levels(const std::string& encode, std::int64_t resolution,
                                      std::int64_t native) {
  const std::vector<PlannedLevel> encodings = parse_encodings(encode);
  std::vector<std::int64_t> sides;
  for (std::int64_t side = 4; side <= resolution; side *= 2) sides.push_back(side);
  if (native != 0) sides.push_back(native);
  std::sort(sides.begin(), sides.end());
  std::vector<PlannedLevel> levels;
  for (const std::int64_t side : sides) {
    PlannedLevel level{.resolution = side};
    for (const PlannedLevel& from : encodings) {
      if (from.resolution > side) continue;
      level.encoding = from.encoding;
      level.quality = from.quality;
    }
    levels.push_back(level);
  }
  find_sources(levels);
  return levels;
}

std::int64_t measured_record_bytes(const Listing& listing, const PackPlan& plan) {
  std::int64_t bytes = 0, records = 0;
  for (const Source* source : sample_sources(listing, 8)) {
    const Prepared prepared = prepare(listing, *source, plan);
    if (!prepared.bad.empty()) continue;
    ++records;
    bytes += 512 + static_cast<std::int64_t>(tar_padded(record_json(listing, *source).size()));
    for (const auto& file : prepared.files) {
      if (!file.empty()) bytes += 512 + 24 + static_cast<std::int64_t>(tar_padded(file.size()));
    }
  }
  return records == 0 ? 0 : bytes / records;
}

PackPlan plan_pack(const Listing& listing, const PackOptions& options) {
  options.validate();
  parse_encodings(options.encode);
  PackPlan plan;
  plan.decode.max_pixels = options.max_pixels;
  plan.upscale = options.upscale == "yes";
  plan.crop = parse_crop(options.crop);
  if (options.crop == "auto") {
    plan.crop = listing.crop;
    plan.canvas = listing.canvas;
  }
  plan.resolution = options.resolution != 0   ? options.resolution
                    : listing.resolution != 0 ? listing.resolution
                                              : fitting_resolution(sample_sides(listing, plan));
  plan.levels = plan_levels(options.encode, plan.resolution,
                            options.native != 0 ? options.native : listing.native);
  plan.chunk_records = chunk_records(plan, options.shard_mib, std::ssize(listing.sources));
  return plan;
}

}  // namespace pgan::data
