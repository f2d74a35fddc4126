#pragma once
#include <cstdint>

#include "core/types.h"

namespace pgan {

/// Size of the groups that batch statistics are taken over: the largest divisor of the minibatch
/// that is at most `limit` (law 2 of docs/architecture.md). minibatch, limit >= 1.
std::int64_t group_size_of(std::int64_t minibatch, std::int64_t limit);

/// The rows of one of `ranks` ranks: groups kM/K … (k+1)M/K − 1 of the M = minibatch / group,
/// ordered by member, then group. Throws ConfigError when ranks does not divide M, naming the rank
/// counts and the minibatches nearby that fit. where: completes "minibatch 16 <where>", e.g. "at
/// 32x32".
RowShare share_rows(std::int64_t minibatch, std::int64_t group_limit, int rank, int ranks,
                    const std::string& where = "");

}  // namespace pgan
