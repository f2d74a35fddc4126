#include "data/alternating_loader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/error.h"
#include "core/noise.h"

namespace pgan::data {

Turn turn_at(const Progress& before, std::int64_t sets, std::int64_t minibatch) {
  const std::int64_t set = before.step % sets;
  // A run that was taken up with a larger minibatch may have fewer images behind it than a round.
  const std::int64_t images = std::max<std::int64_t>(0, before.images - set * minibatch) / sets;
  return {set, {before.step / sets, images}};
}

std::uint64_t seed_of_set(std::uint64_t seed, std::int64_t set) {
  if (set == 0) return seed;
  const PhiloxBlock block = philox(seed ^ name_key("set"), static_cast<std::uint64_t>(set), 0);
  return std::uint64_t{block.word[0]} << 32 | block.word[1];
}

AlternatingLoader::AlternatingLoader(std::vector<std::unique_ptr<Loader>> loaders,
                                     std::int64_t minibatch)
    : loaders_(std::move(loaders)), minibatch_(minibatch) {
  if (loaders_.empty()) throw Error(ExitCode::internal, "alternating loader: no data sets");
  if (sets() > 1 && minibatch_ < 1) {
    throw Error(ExitCode::internal,
                "alternating loader: expected a minibatch of 1 or more, found " +
                    std::to_string(minibatch_));
  }
}

void AlternatingLoader::seek(Progress progress) {
  present_ = progress;
  for (std::int64_t i = 0; i < sets(); ++i) {
    const Turn now = turn({progress.step + i, progress.images + i * minibatch_});
    loaders_[static_cast<std::size_t>(now.set)]->seek(now.own);
  }
}

Batch AlternatingLoader::next() {
  const Turn now = turn(present_);
  Loader& loader = *loaders_[static_cast<std::size_t>(now.set)];
  // They differ only where turn_at() had no images to count with.
  if (loader.progress() != now.own) loader.seek(now.own);
  Batch batch = loader.next();
  if (sets() > 1 && batch.rows.global != minibatch_) {
    throw Error(ExitCode::internal, "alternating loader: data set " + std::to_string(now.set) +
                                        " planned a step of " + std::to_string(batch.rows.global) +
                                        " rows, expected " + std::to_string(minibatch_));
  }
  batch.set = now.set;
  present_ = {present_.step + 1, present_.images + batch.rows.global};
  return batch;
}

bool AlternatingLoader::ready() const {
  const Turn now = turn(present_);
  const Loader& loader = *loaders_[static_cast<std::size_t>(now.set)];
  return loader.progress() == now.own && loader.ready();
}

std::vector<std::string> AlternatingLoader::take_reports() {
  std::vector<std::string> out;
  for (const auto& loader : loaders_)
    std::ranges::move(loader->take_reports(), std::back_inserter(out));
  return out;
}

}  // namespace pgan::data
