#include <algorithm>

#include "core/rows.h"
#include "models/progressive.h"

namespace pgan::models {
namespace {

constexpr std::int64_t kLargest = 1024;
constexpr std::int64_t kGroup = 4;

/// Minibatch of the published schedules at a resolution: 2048 / resolution images, kept between a
/// base and a cap, in whole multiples of the base.
std::int64_t published_minibatch(std::int64_t resolution, std::int64_t base, std::int64_t cap) {
  const std::int64_t wanted = std::max(base, std::min(2048 / resolution, cap));
  return (wanted + base - 1) / base * base;
}

/// E.g. "4:128,32:64,64:32": a value holds from its resolution up to the next listed.
std::string minibatch_table(std::int64_t base, std::int64_t cap) {
  std::string table;
  std::int64_t last = 0;
  for (std::int64_t r = 4; r <= kLargest; r *= 2) {
    const std::int64_t now = published_minibatch(r, base, cap);
    if (now == last) continue;
    if (!table.empty()) table += ',';
    table += std::to_string(r);
    table += ':';
    table += std::to_string(now);
    last = now;
  }
  return table;
}

struct Published {
  std::int64_t gpus, cap;
  const char* name;
  const char* summary;
  const char* learning_rate;
};

/// The four settings the authors published, named after the GPUs they had; base minibatch 4 a GPU.
constexpr Published kPublished[] = {
    {1, 128, "published-1", "authors' settings for 1 GPU: minibatch 128 down to 4",
     "4:0.001,1024:0.0015"},
    {2, 256, "published-2", "authors' settings for 2 GPUs: minibatch 256 down to 8",
     "4:0.001,512:0.0015,1024:0.002"},
    {4, 512, "published-4", "authors' settings for 4 GPUs: minibatch 512 down to 16",
     "4:0.001,256:0.0015,512:0.002,1024:0.003"},
    {8, 512, "published-8", "authors' settings for 8 GPUs: minibatch 512 down to 32",
     "4:0.001,128:0.0015,256:0.002,512:0.003"},
};

Preset published_preset(const Published& row) {
  return {row.name,
          row.summary,
          {{"minibatch", minibatch_table(4 * row.gpus, row.cap)},
           {"learning-rate", row.learning_rate},
           {"stable-kimg", "600"},
           {"fade-kimg", "600"}}};
}

}  // namespace

std::vector<Preset> progressive_presets() {
  std::vector<Preset> presets{
      {"paper",
       "the paper's: minibatch 16, 800+800 kimg a phase, stddev groups of 16",
       {{"minibatch", "4:16,256:14,512:6,1024:3"},
        {"learning-rate", "0.001"},
        {"stable-kimg", "800"},
        {"fade-kimg", "800"},
        {"total-kimg", "19000"},
        {"stddev-group", "16"}}}};
  for (const Published& row : kPublished) presets.push_back(published_preset(row));
  presets.push_back({"demo",
                     "small networks that grow 4 to 32 in about 5 minutes on 2 CPU cores",
                     {{"minibatch", "4:32,16:16"},
                      {"learning-rate", "0.002"},
                      {"resolution", "32"},
                      {"fmap-base", "512"},
                      {"fmap-max", "48"},
                      {"latent", "64"},
                      {"stable-kimg", "4"},
                      {"fade-kimg", "4"},
                      {"total-kimg", "40"},
                      {"ema-kimg", "1"},
                      {"snapshot-kimg", "4"},
                      {"checkpoint-kimg", "10"}}});
  return presets;
}

Preset progressive_preset_for_ranks(int ranks) {
  for (const Published& row : kPublished) {
    bool fits = true;
    for (std::int64_t r = 4; r <= kLargest; r *= 2) {
      const std::int64_t minibatch = published_minibatch(r, 4 * row.gpus, row.cap);
      fits = fits && (minibatch / group_size_of(minibatch, kGroup)) % ranks == 0;
    }
    if (fits) return published_preset(row);
  }
  Preset preset = published_preset(kPublished[3]);
  preset.name = "published-8 scaled";
  preset.summary = "the published pattern with base 4 x ranks";
  preset.values[0].second = minibatch_table(4 * ranks, 512);
  return preset;
}

}  // namespace pgan::models
