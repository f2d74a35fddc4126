"""A network cable with delay, loss and a rate, for kernels without netem: carries Ethernet frames between two TAP
devices that it makes. Usage: slow_wire.py DEVICE DEVICE READY_FILE [delay 20ms] [loss 1%] [rate 10mbit]"""

import collections
import fcntl
import os
import random
import select
import struct
import sys
import time

QUEUE_BYTES = 1 << 20  # what waits for its turn on a slow cable; more is dropped, as by a switch


def tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    tun_set_iff, is_tap, no_header = 0x400454CA, 0x0002, 0x1000
    fcntl.ioctl(device, tun_set_iff, struct.pack("16sH22x", name.encode(), is_tap | no_header))
    return device


def settings(words):
    values = {"delay": "0ms", "loss": "0%", "rate": "0mbit"}
    units = {"delay": "ms", "loss": "%", "rate": "mbit"}
    for key, text in zip(words[::2], words[1::2], strict=True):
        if key not in values or not text.endswith(units[key]):
            sys.exit(f"slow_wire.py: '{key} {text}': expected delay Nms, loss N%, rate Nmbit")
        values[key] = text
    number = {key: float(values[key].removesuffix(units[key])) for key in values}
    return number["delay"] / 1e3, number["loss"] / 100, number["rate"] * 1e6 / 8


class Direction:
    """Frames on their way to one end, in order, each with the time at which it comes out."""

    def __init__(self, source, target, delay, loss, bytes_a_second):
        self.source, self.target = source, target
        self.delay, self.loss, self.bytes_a_second = delay, loss, bytes_a_second
        self.frames = collections.deque()
        self.free_at = 0.0  # when the cable has sent all that came before

    def take(self, draw):
        try:
            frame = os.read(self.source, 65536)
        except BlockingIOError:
            return
        now = time.monotonic()
        if draw.random() < self.loss:
            return
        if self.bytes_a_second:
            start = max(now, self.free_at)
            if (start - now) * self.bytes_a_second > QUEUE_BYTES:
                return
            self.free_at = start + len(frame) / self.bytes_a_second
            now = self.free_at
        self.frames.append((now + self.delay, frame))

    def give(self):
        """Sends what is due; returns the seconds until the next frame is, or None."""
        while self.frames:
            wait = self.frames[0][0] - time.monotonic()
            if wait > 0:
                return wait
            try:
                os.write(self.target, self.frames.popleft()[1])
            except OSError:
                pass  # the device is down or its queue full: lost
        return None


def main():
    near, far, ready, *words = sys.argv[1:]
    limits = settings(words)
    ends = [tap(near), tap(far)]
    with open(ready, "w"):
        pass
    draw = random.Random(1)
    ways = {ends[0]: Direction(*ends, *limits), ends[1]: Direction(*ends[::-1], *limits)}
    while True:
        waits = [wait for wait in (way.give() for way in ways.values()) if wait is not None]
        for end in select.select(ends, [], [], min(waits) if waits else None)[0]:
            ways[end].take(draw)


main()
