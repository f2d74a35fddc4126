#include "apps/packs.h"

#include "core/error.h"
#include "data/loader.h"
#include "data/statistics.h"

namespace pgan::apps {

Packs open_packs(const std::vector<std::string>& folders, const models::RecipeOptions& model) {
  const std::int64_t most = model.most_data_sets();
  if (std::ssize(folders) > most) {
    throw ConfigError("--data is given " + std::to_string(folders.size()) +
                      " times: this model trains on " + std::to_string(most) +
                      (most == 1 ? " data set" : " data sets at most"));
  }
  Packs packs;
  for (const std::string& folder : folders) packs.push_back(data::Pack::open(folder));
  return packs;
}

std::vector<models::DataFacts> facts_of(const Packs& packs, bool all_splits) {
  std::vector<models::DataFacts> facts;
  for (const auto& pack : packs) {
    const auto streams = data::make_streams(pack->info(), 0, all_splits);
    const auto statistics = data::label_statistics(*pack, streams[0].records);
    models::DataFacts& of_pack = facts.emplace_back();
    of_pack.name = pack->info().name;
    of_pack.one_of_n = data::one_of_n(*pack, streams[0].records);
    for (std::size_t i = 0; i < statistics.size(); ++i) {
      const data::LabelStatistics& label = statistics[i];
      of_pack.labels.push_back(
          {pack->info().label_names[i], label.mean, label.low, label.high, label.binary});
    }
  }
  return facts;
}

}  // namespace pgan::apps
