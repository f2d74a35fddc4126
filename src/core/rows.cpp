#include "core/rows.h"

#include <algorithm>

#include "core/error.h"

namespace pgan {
namespace {

/// With whole groups, where there are groups at all: a minibatch that shrinks them trains
/// differently.
bool fits(std::int64_t minibatch, std::int64_t group_limit, std::int64_t ranks) {
  return minibatch % group_limit == 0 && minibatch / group_limit % ranks == 0;
}

/// E.g. "1, 2, 4": rank counts that divide the groups.
std::string fitting_ranks(std::int64_t groups) {
  std::string text;
  for (std::int64_t ranks = 1; ranks <= groups; ++ranks) {
    if (groups % ranks == 0) text += (text.empty() ? "" : ", ") + std::to_string(ranks);
  }
  return text;
}

/// The nearest minibatches below and above that fit `ranks`.
std::string fitting_minibatches(std::int64_t minibatch, std::int64_t group_limit,
                                std::int64_t ranks) {
  std::string text;
  for (std::int64_t below = minibatch - 1; below > 0; --below) {
    if (!fits(below, group_limit, ranks)) continue;
    text = std::to_string(below) + " or ";
    break;
  }
  std::int64_t above = minibatch + 1;
  while (!fits(above, group_limit, ranks)) ++above;
  return text + std::to_string(above);
}

}  // namespace

std::int64_t group_size_of(std::int64_t minibatch, std::int64_t limit) {
  std::int64_t group = std::min(minibatch, limit);
  while (minibatch % group != 0) --group;
  return group;
}

RowShare share_rows(std::int64_t minibatch, std::int64_t group_limit, int rank, int ranks,
                    const std::string& where) {
  if (minibatch < 1)
    throw ConfigError("minibatch " + std::to_string(minibatch) + ": expected 1 or more");
  const std::int64_t group = group_size_of(minibatch, group_limit);
  const std::int64_t groups = minibatch / group;
  if (groups % ranks != 0) {
    throw ConfigError(
        "minibatch " + std::to_string(minibatch) + (where.empty() ? "" : " ") + where + " is " +
        std::to_string(groups) + " group(s) of " + std::to_string(group) + ", which " +
        std::to_string(ranks) + " ranks do not divide: use " + fitting_ranks(groups) +
        " ranks, or a minibatch of " + fitting_minibatches(minibatch, group_limit, ranks));
  }
  const std::int64_t own = groups / ranks;
  RowShare share{{}, minibatch};
  for (std::int64_t member = 0; member < group; ++member) {
    for (std::int64_t j = rank * own; j < (rank + 1) * own; ++j)
      share.rows.push_back(member * groups + j);
  }
  return share;
}

}  // namespace pgan
