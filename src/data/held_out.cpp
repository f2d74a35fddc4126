#include "data/held_out.h"

#include <algorithm>

#include "core/error.h"

namespace pgan::data {
namespace {

std::vector<std::int64_t> records_of(const PackInfo& info, Split split) {
  std::vector<std::int64_t> out;
  for (const PackPart& part : info.parts) {
    if (part.split != split) continue;
    for (std::int64_t i = 0; i < part.records.count; ++i) out.push_back(part.records.first + i);
  }
  return out;
}

}  // namespace

std::vector<std::int64_t> held_out_records(const PackInfo& info, std::int64_t most) {
  std::vector<std::int64_t> all = records_of(info, Split::test);
  if (all.empty()) all = records_of(info, Split::validation);
  const std::int64_t count = std::ssize(all), taken = std::clamp<std::int64_t>(most, 0, count);
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < taken; ++i) {
    out.push_back(all[static_cast<std::size_t>(i * count / taken)]);
  }
  return out;
}

HeldOut read_held_out(const Pack& pack, std::int64_t resolution, std::int64_t most, int rank,
                      int ranks, std::vector<std::string>& reports) {
  pack.require_level(resolution);
  const std::vector<std::int64_t> all = held_out_records(pack.info(), most);
  HeldOut out;
  std::vector<torch::Tensor> images = {torch::empty({0, 3, resolution, resolution}, torch::kUInt8)};
  for (std::int64_t i = rank; i < std::ssize(all); i += ranks) {
    const std::int64_t record = all[static_cast<std::size_t>(i)];
    try {
      images.push_back(pack.image(record, resolution).unsqueeze(0));
      out.records.push_back(record);
    } catch (const DataError& error) {
      reports.push_back(std::string(error.what()) + "; measurements leave it out");
    }
  }
  out.images = torch::cat(images);
  out.labels = pack.labels().index_select(0, torch::tensor(out.records, torch::kInt64));
  return out;
}

}  // namespace pgan::data
