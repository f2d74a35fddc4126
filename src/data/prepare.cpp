#include "data/prepare.h"

#include <algorithm>
#include <new>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/encode.h"
#include "data/printable.h"
#include "data/resample.h"

namespace pgan::data {
namespace {

std::vector<std::uint8_t> encode_ppm(const torch::Tensor& image) {
  const std::string header = ppm_header(image.size(1));
  const torch::Tensor pixels = to_interleaved(image);
  std::vector<std::uint8_t> bytes(header.begin(), header.end());
  const auto* from = pixels.const_data_ptr<std::uint8_t>();
  bytes.insert(bytes.end(), from, from + pixels.numel());
  return bytes;
}

std::vector<std::uint8_t> encode_level(const torch::Tensor& image, const PlannedLevel& level) {
  switch (level.encoding) {
    case Encoding::ppm:
      return encode_ppm(image);
    case Encoding::png:
      return encode_png(image);
    case Encoding::jpg:
      return encode_jpeg(image, static_cast<int>(level.quality));
    case Encoding::reduced:
      return {};
  }
  return {};
}

/// The square that a canvas puts around a smaller picture.
Square on_canvas(std::int64_t width, std::int64_t height, std::int64_t canvas) {
  return {(width - canvas) / 2, (height - canvas) / 2, canvas};
}

/// Pixels of all levels, ascending as the plan's.
std::vector<torch::Tensor> level_pixels(const torch::Tensor& square, const torch::Tensor& whole,
                                        const PackPlan& plan) {
  const std::vector<torch::Tensor> descending = make_levels(square, plan.resolution);
  std::vector<torch::Tensor> out;
  for (const PlannedLevel& level : plan.levels) {
    const auto same = std::ranges::find_if(
        descending, [&](const torch::Tensor& t) { return t.size(1) == level.resolution; });
    out.push_back(same != descending.end() ? *same
                                           : round_pixels(resize_square(whole, level.resolution)));
  }
  return out;
}

/// What fits into memory depends on the machine: leaving the picture out would make other packs.
[[noreturn]] void out_of_memory(const Source& source) {
  throw Error(ExitCode::data, printable(source.key) +
                                  ": needs more memory than there is; fewer --threads, or a "
                                  "smaller --max-pixels, which leaves it out");
}

void prepare_into(Prepared& out, const Listing& listing, const Source& source,
                  const PackPlan& plan) {
  const torch::Tensor picture = read_picture(listing, source, plan.decode);
  const std::int64_t height = picture.size(0), width = picture.size(1);
  const Crop crop = resolve_crop(plan.crop, width, height);
  const Square cut = crop_square(crop, width, height, source.key);
  const bool framed = plan.canvas > std::max(width, height);
  const Square square = framed ? on_canvas(width, height, plan.canvas) : cut;
  out.crop = framed ? "canvas" : crop_name(crop);
  out.upscaled = square.side < plan.resolution;
  if (out.upscaled && !plan.upscale) {
    out.bad = "its square of " + std::to_string(square.side) +
              " pixels is smaller than the level of " + std::to_string(plan.resolution) +
              " (--upscale yes enlarges it)";
    return;
  }
  const auto pixels = level_pixels(cut_square(picture, square), cut_square(picture, cut), plan);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    out.files.push_back(encode_level(pixels[i], plan.levels[i]));
  }
}

/// A reader's message without the name it begins with: the name stands beside the reason.
std::string reason_of(const std::string& message, const Source& source) {
  const std::string name = printable(source.key) + ": ";
  const auto at = message.find(name);
  return at == std::string::npos ? message : message.substr(at + name.size());
}

}  // namespace

torch::Tensor read_picture(const Listing& listing, const Source& source,
                           const DecodeOptions& options) {
  try {
    return listing.pictures->read(source, options);
  } catch (const std::bad_alloc&) {
    out_of_memory(source);
  } catch (const c10::Error&) {
    out_of_memory(source);
  }
}

Prepared prepare(const Listing& listing, const Source& source, const PackPlan& plan) {
  Prepared out;
  try {
    prepare_into(out, listing, source, plan);
  } catch (const DataError& error) {
    out.bad = reason_of(error.what(), source);
  } catch (const std::bad_alloc&) {
    out_of_memory(source);
  } catch (const c10::Error&) {
    out_of_memory(source);
  }
  return out;
}

std::string record_json(const Listing& listing, const Source& source) {
  nlohmann::ordered_json json = {{"file", source.key}};
  if (!listing.domains.empty()) {
    json["domain"] = listing.domains[static_cast<std::size_t>(source.domain)];
  }
  json["split"] = split_name(source.split);
  json["labels"] = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < listing.label_names.size(); ++i) {
    const float value = source.labels[i];
    if (value == 0) continue;  // a thousand classes would be larger than the picture
    const bool whole = value >= -1e9f && value <= 1e9f &&
                       value == static_cast<float>(static_cast<std::int64_t>(value));
    if (whole) {
      json["labels"][listing.label_names[i]] = static_cast<std::int64_t>(value);
    } else {
      json["labels"][listing.label_names[i]] = value;
    }
  }
  if (!source.captions.empty()) json["captions"] = source.captions;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace pgan::data
