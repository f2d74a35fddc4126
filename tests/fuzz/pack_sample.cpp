#include "fuzz/pack_sample.h"

#include "data/pack.h"
#include "data/pack_writer.h"

namespace pgan::fuzz {
namespace {

class Drawn : public data::Pictures {
 public:
  torch::Tensor read(const data::Source& source, const data::DecodeOptions&) const override {
    return sample_picture(static_cast<std::int64_t>(source.place), 32);
  }
};

}  // namespace

torch::Tensor sample_picture(std::int64_t seed, std::int64_t side) {
  const torch::Tensor along = torch::arange(side, torch::kInt64);
  const torch::Tensor sum = along.unsqueeze(1) * (seed + 3) + along.unsqueeze(0) * 5;
  return torch::stack({sum, sum * 2 + 40, sum + 90 * seed}, 2).remainder(256).to(torch::kUInt8);
}

void write_sample_pack(const std::filesystem::path& folder) {
  data::Listing listing;
  listing.name = "sample";
  listing.layout = "folder";
  listing.label_names = {"Smiling", "Young"};
  listing.has_split = true;
  listing.pictures = std::make_shared<Drawn>();
  for (std::uint64_t i = 0; i < 3; ++i) {
    listing.sources.push_back({.key = std::to_string(i) + ".png",
                               .place = i,
                               .labels = {static_cast<float>(i % 2), 1.0f},
                               .split = i < 2 ? data::Split::train : data::Split::test});
  }
  data::PackOptions options;
  options.resolution = 32;
  options.encode = "raw,8:png,16:reduced,32:jpeg:90";
  options.threads = 1;
  data::write_pack(std::move(listing), folder, options, [](const auto&) {});
}

std::vector<std::string> sample_files(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const data::PackFile& file : data::Pack::open(folder)->info().files()) {
    names.push_back(file.name);
  }
  return names;
}

}  // namespace pgan::fuzz
