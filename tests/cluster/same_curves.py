"""same_curves.py RUN RUN: exit 0 when the stats.jsonl of both runs are the same but for times and memory."""
import json
import os
import sys

OF_THE_MACHINE = {"images_per_second", "data_wait_share", "rank_wait_share", "resident_bytes", "elapsed_seconds",
                  "rank_seconds", "slowest_rank"}
LEAST_LINES = 20


def curve(run):
    with open(os.path.join(run, "stats.jsonl")) as file:
        lines = [json.loads(line) for line in file]
    return [{name: value for name, value in line.items() if name not in OF_THE_MACHINE} for line in lines]


first, second = curve(sys.argv[1]), curve(sys.argv[2])
if len(first) < LEAST_LINES or first != second:
    wrong = [(a, b) for a, b in zip(first, second) if a != b][:1]
    sys.exit(f"{len(first)} and {len(second)} lines; the first that differ: {wrong}")
