#include "apps/pgan_train/start.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "apps/pgan_train/machine.h"
#include "checkpoint/weights.h"
#include "comm/agree.h"
#include "comm/together.h"
#include "core/log.h"
#include "train/initial_weights.h"

namespace pgan::apps {
namespace {

/// 40 at most.
std::int64_t preview_count(std::int64_t resolution) {
  const std::int64_t cell = std::max<std::int64_t>(resolution, 32);
  const std::int64_t columns = std::clamp<std::int64_t>(1920 / cell, 3, 8);
  const std::int64_t rows = std::clamp<std::int64_t>(1080 / cell, 2, 5);
  return columns * rows;
}

}  // namespace

torch::Tensor first_reals(const data::Pack& pack, std::int64_t resolution,
                          comm::Communicator& host) {
  torch::Tensor reals;
  comm::together(host, [&] {
    std::vector<torch::Tensor> images;
    for (std::int64_t i = 0; i < std::min(preview_count(resolution), pack.info().count); ++i)
      images.push_back(pack.image(i, resolution));
    reals = torch::stack(images).to(torch::kUInt8);
  });
  return reals;
}

TensorMap first_weights(const TrainConfig& config, models::Recipe& grown,
                        comm::Communicator& host) {
  const checkpoint::Weights weights = checkpoint::read_weights(config.init_from, host);
  train::InitialWeights initial;
  comm::agree(host, [&] {
    if (weights.recipe != config.model) {
      throw ConfigError("--init-from " + config.init_from + " holds networks of --model " +
                        weights.recipe + ", not " + config.model);
    }
    initial = train::initial_weights(weights, grown, config.init_from);
  });
  if (host.rank() == 0) log_info("starting from " + config.init_from + ": " + initial.summary);
  return std::move(initial.tensors);
}

std::string data_identity(const data::Pack& pack) {
  std::string identity = std::to_string(pack.info().count);
  for (const data::PackShard& shard : pack.info().levels.front().shards)
    identity += ":" + shard.file.xxh3;
  return identity;
}

std::int64_t threads_to_keep(const checkpoint::Found& found, std::int64_t asked, std::int64_t here,
                             comm::Communicator& host) {
  const auto& extra = found.manifest.extra;
  const auto threads = extra.find("threads"), before = extra.find("cores");
  if (asked > 0 || found.manifest.ranks != host.size() || threads == extra.end() ||
      before == extra.end() || before->second != std::to_string(cores())) {
    return here;
  }
  return std::clamp<std::int64_t>(std::atoll(threads->second.c_str()), 1, cores());
}

}  // namespace pgan::apps
