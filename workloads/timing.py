"""How long does one step take, again and again?"""

import gc
import time

MIN_SAMPLE_S = 1e-3
"""A raw sample shorter than this says more about the clock and the loop than about the step."""

MOST_SAMPLES = 10000
"""Samples of `min_time_s` at most, so that a reply stays small; shorter steps are batched further."""


class Timed(object):
    """Raw times of one process, in seconds per step."""

    def __init__(self, warmup_s, samples_s, loops, wall_s, cpu_s):
        self.warmup_s = warmup_s
        self.samples_s = samples_s
        self.loops = loops
        self.wall_s = wall_s
        self.cpu_s = cpu_s


def timed(step, loops, clock):
    """Seconds per step of `loops` steps together."""
    start = clock()
    for _ in range(loops):
        step()
    return (clock() - start) / loops


def warm_up(step, count, shortest_s, clock):
    """([seconds per step], loops): `count` steps, then as many batches as it takes until one lasts `shortest_s`."""
    warmup_s = [timed(step, 1, clock) for _ in range(count)]
    loops = 1
    last = warmup_s[-1] if warmup_s else timed(step, 1, clock)
    if not warmup_s:
        warmup_s.append(last)
    while last * loops < shortest_s:
        # Twice what is needed, because a later step may be faster; at most ten times as many as before, because
        # the estimate from a very short step is poor.
        loops = max(loops + 1, min(loops * 10, int(2 * shortest_s / max(last, 1e-9)) + 1))
        last = timed(step, loops, clock)
        warmup_s.append(last)
    return warmup_s, loops


def sample(step, loops, job, clock):
    """[seconds per step] until `min_time_s` and `min_count` hold, or `max_time_s` is over with two samples in."""
    samples_s = []
    begin = clock()
    while True:
        samples_s.append(timed(step, loops, clock))
        elapsed = clock() - begin
        if elapsed >= job["min_time_s"] and len(samples_s) >= job["min_count"]:
            return samples_s
        if elapsed >= job["max_time_s"] and len(samples_s) >= 2:
            return samples_s


def measure(step, job, around=None, clock=time.perf_counter, cpu_clock=time.process_time):
    """Warm up, then take samples; returns Timed.

    `around` is called with "start" and "stop" directly outside the timed region (counters of threads). The collector
    is off meanwhile: a collection inside one sample would be the harness's time, not the framework's.
    """
    shortest_s = max(MIN_SAMPLE_S, job["min_time_s"] / MOST_SAMPLES)
    gc.collect()
    collecting = gc.isenabled()
    gc.disable()
    try:
        warmup_s, loops = warm_up(step, job["warmup"], shortest_s, clock)
        if around:
            around("start")
        cpu, wall = cpu_clock(), clock()
        samples_s = sample(step, loops, job, clock)
        wall_s, cpu_s = clock() - wall, cpu_clock() - cpu
        if around:
            around("stop")
    finally:
        if collecting:
            gc.enable()
    return Timed(warmup_s, samples_s, loops, wall_s, cpu_s)
