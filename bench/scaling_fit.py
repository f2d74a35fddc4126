#!/usr/bin/env python3
"""Reads the runs of bench/scaling.sh, fits scaling_model.py, and prints the tables of docs/scaling.md.

scaling_fit.py DIR SHARE        fit without the run at SHARE percent, and compare
scaling_fit.py --table DIR      the measured part alone
scaling_fit.py --rate DIR SHARE bits a second at which the reduction takes SHARE percent of a step
"""

import collections
import json
import pathlib
import statistics
import sys

import scaling_model as model

OWN = ("data", "forward", "backward", "optimizer")
FIRST_STEP = 10  # before it everything is cold
PHASES = ("D", "G")
KINDS = ("host", "threads", "free", "link")


def stats_of(folder):
    """Seconds a step of one run: whole, own, reduction, waiting; medians over ticks."""
    ticks = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    traced = min(int(t.name.split("-")[1]) for t in folder.glob("trace-*.json"))
    columns = collections.defaultdict(list)
    for before, tick in zip(ticks, ticks[1:]):
        if before["step"] < FIRST_STEP or tick["step"] >= traced:
            continue
        steps = tick["step"] - before["step"]
        columns["step"].append((tick["elapsed_seconds"] - before["elapsed_seconds"]) / steps)
        parts = tick["rank_seconds"]
        columns["own"].append(statistics.mean(sum(rank) for rank in zip(*(parts[p] for p in OWN))))
        columns["reduction"].append(statistics.mean(parts["reduction"]))
        columns["waiting"].append(statistics.mean(parts["waiting"]))
    if not columns:
        sys.exit(f"scaling_fit.py: {folder}/stats.jsonl has no tick between steps {FIRST_STEP} and {traced}")
    return {name: statistics.median(values) for name, values in columns.items()}


def named(spans, name):
    return [span for span in spans if span["name"] == name]


def overlap(a, b):
    """Microseconds for which both spans last."""
    return max(0.0, min(a["ts"] + a["dur"], b["ts"] + b["dur"]) - max(a["ts"], b["ts"]))


def spans_of(folder):
    """Of the traced steps: seconds of a network's all-reduces, of all of them while the computing
    thread was blocked, windows they could hide behind, the spread of a rank's own work."""
    events = json.loads(next(folder.glob("trace-*.json")).read_text())
    ranks = collections.defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            ranks[event["pid"]].append(event)
    travel, windows = collections.defaultdict(list), collections.defaultdict(list)
    buckets = collections.defaultdict(lambda: collections.defaultdict(list))
    own, exposed = [], []
    for spans in ranks.values():
        spans.sort(key=lambda span: span["ts"])
        starts = [span["ts"] for span in named(spans, "batch")]
        blocked = [s for s in spans if s["name"].startswith("reduction of") or s["name"] == "coordinator"]
        for begin, end in zip(starts, starts[1:]):
            waits = sum(s["dur"] for s in blocked if begin <= s["ts"] < end)
            own.append((end - begin - waits) / 1e6)
        sends = [s for s in spans if s["name"].startswith("all_reduce")]
        exposed.append(sum(overlap(a, b) for a in sends for b in blocked) / len(starts) / 1e6)
        for phase in PHASES:
            sent = named(spans, f"all_reduce ({phase})")
            travel[phase].append(sum(s["dur"] for s in sent) / len(starts) / 1e6)
            needed = [s["ts"] for s in named(spans, f"reduction of {phase}")]
            done = [s["ts"] + s["dur"] for s in named(spans, f"backward {phase}")]
            windows[phase] += [(min(t for t in needed if t >= d) - d) / 1e6 for d in done if d <= max(needed)]
            each = len(sent) // len(done)
            begun = [s["ts"] for s in named(spans, f"waiting for ranks ({phase})")]
            for i in range(each):
                after = statistics.median((b - d) / 1e6 for b, d in zip(begun[i::each], done))
                buckets[phase][i].append((after, sum(s["dur"] for s in sent[i::each])))
    return {
        "travel": [statistics.mean(travel[phase]) for phase in PHASES],
        "windows": [statistics.median(windows[phase]) if windows[phase] else 0.0 for phase in PHASES],
        "exposed": statistics.mean(exposed),
        "buckets": {phase: shares(list(buckets[phase].values())) for phase in PHASES},
        "spread": statistics.stdev(own) / statistics.mean(own) if len(own) > 1 else 0.0,
    }


def shares(buckets):
    """(when complete, share of the time) of each bucket; means over ranks."""
    means = [[statistics.mean(column) for column in zip(*ranks)] for ranks in buckets]
    whole = sum(seconds for _, seconds in means)
    return [(after, seconds / whole if whole else 1 / len(means)) for after, seconds in means]


def read(out):
    """Runs by name without the round; of several rounds the middle value of each number."""
    rounds = collections.defaultdict(list)
    folders = [path for path in out.iterdir() if (path / "stats.jsonl").exists()]
    for folder in sorted(folders, key=lambda path: (KINDS.index(path.name.split("-")[0]),
                                                    int(path.name.split("-")[1]), path.name)):
        if any(folder.glob("trace-*.json")):
            rounds[folder.name.rsplit("-", 1)[0]].append(stats_of(folder) | spans_of(folder))
    runs = {}
    for name, several in rounds.items():
        middle = {}
        for key, value in several[0].items():
            if isinstance(value, dict):
                middle[key] = value
            elif isinstance(value, list):
                middle[key] = [statistics.median(v) for v in zip(*(run[key] for run in several))]
            else:
                middle[key] = statistics.median(run[key] for run in several)
        runs[name] = middle
    return runs


def rate(out, share):
    """With two hosts each sends the gradients' bytes once a step."""
    about = json.loads((out / "about.json").read_text())
    return 8 * about["bytes"] / (share / 100 * read(out)["host-1"]["own"])


def print_measured(runs, predicted=None, held_back=None):
    print(f"{'run':>12} {'step':>9} {'own':>9} {'reduction':>10} {'blocked':>9} {'waiting':>9} {'hidden':>7}"
          + (f" {'model':>9} {'off by':>7}" if predicted else ""))
    for name, run in runs.items():
        whole = sum(run["travel"])
        alone = name in ("host-1", "threads-2")
        hidden = "-" if alone else f"{100 * (1 - run['exposed'] / whole):5.0f} %"
        line = (f"{name:>12} {1e3 * run['step']:9.1f} {1e3 * run['own']:9.1f} {1e3 * whole:10.1f} "
                f"{1e3 * run['reduction']:9.1f} {1e3 * run['waiting']:9.1f} {hidden:>7}")
        if predicted and name in predicted:
            value = predicted[name]
            line += f" {1e3 * value:9.1f} {100 * (value / run['step'] - 1):+5.1f} %"
            line += "   held back" if name == held_back else ""
        print(line)
    print("milliseconds a step, means over ranks; reduction: gradients travel; blocked: the computing "
          "thread waits for that\nand checks them; hidden: share of the travelling with nobody blocked")
    one, two, threads = runs["host-1"]["step"], runs["host-2"]["step"], runs["threads-2"]["step"]
    print(f"1 to 2 ranks of a thread, same rows a rank: efficiency {100 * one / two:.1f} %; the same global "
          f"minibatch on 1 rank of 2 threads takes {100 * (threads / two - 1):+.1f} % more")


def line_through(points):
    """(a, b) of y = a + b x by least squares."""
    xs, ys = zip(*points)
    mean_x, mean_y = statistics.mean(xs), statistics.mean(ys)
    over = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / over if over else 0.0
    return mean_y - slope * mean_x, slope


def fit(runs, about, held_back):
    """Constants of the model from all runs over a limited link but one."""
    links = {name: run for name, run in runs.items() if name.startswith("link-") and name != held_back}
    own = runs["host-1"]["own"]
    ideal = {name: about["bytes"] / about["rates"][name] * 8 for name in runs if name in about["rates"]}
    start, slope = line_through([(ideal[name], sum(run["travel"])) for name, run in links.items()])
    free = runs["free-2"]
    burden = line_through([(sum(run["travel"]), run["own"]) for run in [free, *links.values()]])
    return {
        "own": own,
        "sharing": runs["host-2"]["own"] / own,
        "start": max(0.0, start),
        "link_efficiency": 1 / slope if slope > 0 else 1.0,
        "own_beside": burden,
        "windows": [window / free["own"] for window in free["windows"]],
        "buckets": free["buckets"],
        "spread": runs["host-1"]["spread"],
        "rest": free["waiting"] + free["reduction"] - free["exposed"],
        "ideal": ideal,
    }


def predict(constants, runs):
    """Seconds a step of each run over two hosts."""
    predicted = {}
    for name, ideal in constants["ideal"].items():
        whole = constants["start"] + ideal / constants["link_efficiency"]
        base, burden = constants["own_beside"]
        own = base + burden * whole
        blocked = sum(model.blocked_seconds(constants["buckets"][phase], whole / 2, share * own)
                      for phase, share in zip(PHASES, constants["windows"]))
        predicted[name] = own + blocked + constants["rest"]
    return {name: predicted[name] for name in runs if name in predicted}


def message_costs(table):
    """(latency, bandwidth) of an all-reduce between two ranks, from allreduce-bench's first table."""
    rows = [line.split() for line in table.read_text().splitlines()]
    times = {int(row[0]): float(row[1]) / 1e3 for row in rows if len(row) == 4 and row[0].isdigit()}
    small, large = min(times), 4 << 20
    bandwidth = (large - small) / (times[large] - times[small])
    return max(1e-6, (times[small] - small / bandwidth) / 2), bandwidth


def print_far(constants, about, host, link):
    """The model beyond what was measured, and at the published figures."""
    windows, spread = tuple(constants["windows"]), constants["spread"]
    paper = dict(network=92e6, windows=windows, spread=spread)
    cpu = dict(paper, own=4.0, ranks_a_host=16, host_latency=host[0], host_bandwidth=host[1],
               link_latency=link[0], link_bandwidth=3.125e9)
    scenarios = {
        "measured here, 1 rank a host, 1 Gbit/s": model.Cluster(
            own=constants["own"], network=about["bytes"] / 2, bucket=4 << 20, ranks_a_host=1,
            host_latency=host[0], host_bandwidth=host[1], link_latency=link[0],
            link_bandwidth=125e6 * constants["link_efficiency"], windows=windows, spread=spread),
        "92 MB, 4 s a step, 16 a host, 25 GbE": model.Cluster(bucket=4 << 20, **cpu),
        "the same, buckets of 25 MiB": model.Cluster(bucket=25 << 20, **cpu),
        "the same, host leaders": model.Cluster(bucket=25 << 20, way="leaders", **cpu),
        "92 MB, 0.1 s a step, 8 H100 a host, NDR": model.Cluster(
            own=0.1, bucket=25 << 20, ranks_a_host=8, host_latency=3e-6, host_bandwidth=480e9,
            link_latency=8e-6, link_bandwidth=46e9, card_a_rank=True, way="slices", **paper),
    }
    counts = [1, 2, 4, 8, 16, 64, 256, 1024, 4096]
    print("\nefficiency, percent, by ranks (extrapolated):")
    print(f"{'':>41}" + "".join(f"{n:>7}" for n in counts))
    for name, cluster in scenarios.items():
        shares = [100 * cluster.own / model.step(cluster, n)[0] for n in counts]
        print(f"{name:>41}" + "".join(f"{share:7.1f}" for share in shares))
    print("\npublished, and the model there:")
    print(f"  92 MB on 8 H100 at 480 GB/s: 0.34 ms; model {1e3 * model.ring(8, 92e6, 0, 480e9):.2f} ms")
    print(f"  92 MB over 25 GbE, many hosts: 60 ms; model {1e3 * model.ring(64, 92e6, 0, 3.125e9):.0f} ms")
    print(f"  StyleGAN2 on 8 V100: 7.18 times one; the model with this machine's spread, nothing else: "
          f"{8 / (1 + spread * model.expected_largest(8)):.2f}")


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--table":
        print_measured(read(pathlib.Path(arguments[1])))
        return
    if len(arguments) == 3 and arguments[0] == "--rate":
        print(round(rate(pathlib.Path(arguments[1]), float(arguments[2]))))
        return
    if len(arguments) != 2 or arguments[0].startswith("-"):
        sys.exit(__doc__)
    out, held_back = pathlib.Path(arguments[0]), f"link-{arguments[1]}"
    about = json.loads((out / "about.json").read_text())
    about["rates"] = dict(line.split() for line in (out / "rates.txt").read_text().splitlines())
    about["rates"] = {name: float(value) for name, value in about["rates"].items()}
    runs = read(out)
    constants = fit(runs, about, held_back)
    print_measured(runs, predict(constants, runs), held_back)
    host, link = (message_costs(out / f"allreduce-{where}.txt") for where in ("host", "free"))
    print(f"\nfitted: own work {1e3 * constants['own']:.1f} ms, beside a second rank of the same host "
          f"{constants['sharing']:.3f} times that;\n  windows of D and G "
          f"{100 * constants['windows'][0]:.0f} and {100 * constants['windows'][1]:.0f} % of it; "
          f"a second of reduction costs the computing {constants['own_beside'][1]:.3f} s;\n  a limited link "
          f"gives {100 * constants['link_efficiency']:.0f} % of its rate, after {1e3 * constants['start']:.1f} ms "
          f"a step; spread of a step {100 * constants['spread']:.1f} %;\n  messages: within the host "
          f"{1e6 * host[0]:.0f} us, {host[1] / 1e9:.2f} GB/s; between hosts {1e6 * link[0]:.0f} us, "
          f"{link[1] / 1e9:.2f} GB/s")
    print_far(constants, about, host, link)


if __name__ == "__main__":
    main(sys.argv[1:])
