#include "apps/pgan_train/plan.h"

#include <algorithm>

#include "report/format.h"

namespace pgan::apps {
namespace {

std::int64_t count_parameters(models::Recipe& recipe) {
  std::int64_t count = 0;
  for (const auto& [set, parameters] : recipe.parameter_sets()) {
    for (const auto& [name, parameter] : parameters) count += parameter.numel();
  }
  return count;
}

}  // namespace

std::string plan_text(const Packs& packs, const train::Schedule& schedule, models::Recipe& recipe,
                      int ranks, std::int64_t threads, torch::Device device) {
  std::string text;
  for (const auto& pack : packs) {
    text += "data: " + pack->folder().string() + ", " + std::to_string(pack->info().count) +
            " images\n";
  }
  for (const std::string& note : recipe.notes()) text += note + "\n";
  text += report::text_of("%-12s%14s%12s%12s%12s%14s\n", "resolution", "from kimg", "minibatch",
                          "a rank", "rate", "parameters");
  std::int64_t last = 0;
  const std::int64_t total = schedule.total_images();
  const std::int64_t stride = std::max<std::int64_t>(1, total / 100000);
  for (std::int64_t images = 0; images < total; images += stride) {
    const Growth growth = schedule.growth_at(images);
    if (growth.resolution == last) continue;
    last = growth.resolution;
    recipe.grow(growth);
    const std::int64_t minibatch = schedule.minibatch_at(growth);
    text += report::text_of("%-12lld%14.1f%12lld%12lld%12g%14lld\n", static_cast<long long>(last),
                            static_cast<double>(images) / 1000, static_cast<long long>(minibatch),
                            static_cast<long long>(minibatch / ranks),
                            schedule.learning_rate_at(images),
                            static_cast<long long>(count_parameters(recipe)));
  }
  text += report::text_of("ends at %.1f kimg; %d rank(s), %lld thread(s) each, device %s\n",
                          static_cast<double>(total) / 1000, ranks, static_cast<long long>(threads),
                          device.str().c_str());
  return text;
}

}  // namespace pgan::apps
