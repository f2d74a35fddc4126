"""The model of docs/scaling.md: seconds of a training step on n ranks. Nothing but the standard library."""

import dataclasses
import math
import statistics


def ring(ranks, size, latency, bandwidth):
    """Seconds of a ring all-reduce of size bytes: every rank sends 2(n-1)/n of them in 2(n-1) messages."""
    if ranks < 2:
        return 0.0
    return 2 * (ranks - 1) * latency + 2 * (ranks - 1) / ranks * size / bandwidth


def tree(ranks, size, latency, bandwidth):
    """The same bytes in 2 log2(n) rounds: recursive halving and doubling, or NCCL's trees."""
    if ranks < 2:
        return 0.0
    return 2 * math.ceil(math.log2(ranks)) * latency + 2 * (ranks - 1) / ranks * size / bandwidth


def expected_largest(ranks):
    """Of so many standard normal numbers (Blom 1958): how late the latest of n equal ranks is."""
    if ranks < 2:
        return 0.0
    return statistics.NormalDist().inv_cdf((ranks - 0.375) / (ranks + 0.25))


@dataclasses.dataclass
class Cluster:
    """What a step is made of. Bytes, seconds, bytes a second; bandwidths are one direction's."""

    own: float  # data, forward, backward and optimizers of one rank
    network: float  # gradients of one of the two networks
    bucket: float
    ranks_a_host: int
    host_latency: float  # of a message within a host
    host_bandwidth: float
    link_latency: float  # of a message between hosts
    link_bandwidth: float  # of a host, or of a card when there is one a rank
    card_a_rank: bool = False
    way: str = "flat"  # flat: one ring over all ranks; leaders; slices (NCCL: one card a rank, trees)
    spread: float = 0.0  # standard deviation of a rank's own step, as a share of it
    windows: tuple = (0.2, 0.2)  # what D's and G's reductions can hide behind, as shares of own
    buckets: tuple = ((0.0, 1.0),)  # of blocked_seconds: most bytes come at the end of backward


def bucket_seconds(c, ranks, size):
    """Of one all-reduce of size bytes over so many ranks."""
    local = min(ranks, c.ranks_a_host)
    hosts = math.ceil(ranks / c.ranks_a_host)
    if hosts == 1:
        return ring(local, size, c.host_latency, c.host_bandwidth)
    if c.way == "flat":
        latency = c.link_latency if local == 1 else max(c.link_latency, c.host_latency)
        inside = 0.0 if local == 1 else 2 * (ranks - 1) / ranks * size / c.host_bandwidth
        return max(ring(ranks, size, latency, c.link_bandwidth), inside)
    inside = ring(local, size, c.host_latency, c.host_bandwidth)
    if c.way == "leaders":
        return inside + ring(hosts, size, c.link_latency, c.link_bandwidth)
    part = size / local if c.card_a_rank else size
    return inside + tree(hosts, part, c.link_latency, c.link_bandwidth)


def reduction_seconds(c, ranks):
    """Of one network, bucket after bucket."""
    buckets = max(1, math.ceil(c.network / c.bucket))
    return buckets * bucket_seconds(c, ranks, c.network / buckets)


def blocked_seconds(buckets, seconds, window):
    """What is left of a reduction of so many seconds when it is needed, window seconds after backward.
    buckets: (when complete, in seconds after backward, so mostly negative; share of the bytes) each."""
    end = -math.inf
    for complete, share in buckets:
        end = max(end, complete) + share * seconds
    return max(0.0, end - window)


def step(c, ranks):
    """(step, reduction, blocked, straggling) in seconds: both networks' reductions, the part of them
    that no window hides, and the wait for the slowest rank."""
    one = reduction_seconds(c, ranks)
    blocked = sum(blocked_seconds(c.buckets, one, share * c.own) for share in c.windows)
    straggling = c.own * c.spread * expected_largest(ranks)
    return c.own + blocked + straggling, 2 * one, blocked, straggling
