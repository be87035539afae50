"""How fast can this process copy memory, on as many threads as it computes on?

STREAM's Copy (McCalpin, "Memory Bandwidth and Machine Balance in Current High Performance Computers", IEEE TCCA
Newsletter, 1995), with the C library's `memmove` as the loop: one read and one write per byte are counted, as STREAM
counts them. A store that has to fetch the line first moves half as much again, which nobody sees here.
"""

import ctypes
import os
import threading
import time

from workloads.weights import aligned

CACHES = 4
"""Times the last-level cache that one array has at least: STREAM's own rule for its arrays."""

LEAST_BYTES = 1 << 26
MOST_BYTES = 1 << 29
"""Of one array. Two of them have to fit beside the network into the memory limit, however large a cache is shown."""

COPIES = 10
"""Timed copies, as many as STREAM makes; one before them touches the pages and is not kept."""

PAGE = 4096
CPU_FOLDER = "/sys/devices/system/cpu"


def measure(threads, array_bytes=None, clock=time.perf_counter):
    """Bandwidth (see nouns) as a dict: seconds of every copy of one array into another by `threads` threads at once."""
    cache_bytes, reason = read_cache(sorted(os.sched_getaffinity(0)))
    size = whole_pages(array_bytes or choose_size(cache_bytes), threads)
    source, target = aligned(size // 4), aligned(size // 4)
    step = size // threads
    parts = [(target.ctypes.data + first, source.ctypes.data + first) for first in range(0, size, step)]

    def touch(to, start):
        ctypes.memset(start, 1, step)  # by the thread that will copy it: its pages come from that thread's node
        ctypes.memset(to, 2, step)

    def copy(to, start):
        ctypes.memmove(to, start, step)

    together(touch, parts, clock)
    together(copy, parts, clock)
    samples_s = []
    for number in range(COPIES):
        source[step // 4 - 1 :: step // 4] = number
        samples_s.append(together(copy, parts, clock))
        if not (target[step // 4 - 1 :: step // 4] == number).all():
            raise RuntimeError("copy {0} did not arrive".format(number))
    return {
        "array_bytes": size,
        "samples_s": samples_s,
        "threads": threads,
        "cache_bytes": cache_bytes,
        "reason": reason,
    }


def together(work, parts, clock):
    """Seconds from the first start to the last end of `work(*part)`, every part in a thread of its own.

    A call of ctypes lets the others run meanwhile; what Python does around it is some microseconds in tens of
    milliseconds.
    """
    barrier = threading.Barrier(len(parts))
    times = []

    def run(part):
        barrier.wait()
        start = clock()
        work(*part)
        times.append((start, clock()))

    workers = [threading.Thread(target=run, args=(part,)) for part in parts]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if len(times) != len(parts):
        raise RuntimeError("{0} of {1} threads came to an end".format(len(times), len(parts)))
    return max(stop for _, stop in times) - min(start for start, _ in times)


def choose_size(cache_bytes):
    """Bytes of one array for last-level caches of `cache_bytes`; the most there may be where they are not known."""
    if cache_bytes is None:
        return MOST_BYTES
    return min(MOST_BYTES, max(LEAST_BYTES, CACHES * cache_bytes))


def whole_pages(size, threads):
    """The largest size up to `size` that gives every thread the same number of whole pages, one at least."""
    return max(1, size // (PAGE * threads)) * PAGE * threads


def read_cache(cpus, folder=CPU_FOLDER):
    """(bytes of the last-level caches of these CPUs together, "") or (None, why they are not known)."""
    sizes = {}
    for cpu in cpus:
        place = os.path.join(folder, "cpu{0}".format(cpu), "cache")
        try:
            found = [read_level(os.path.join(place, name)) for name in os.listdir(place) if name.startswith("index")]
        except (OSError, ValueError) as problem:
            return None, "{0}: {1}".format(place, getattr(problem, "strerror", None) or problem)
        if not found:
            return None, "{0}: empty".format(place)
        _, shared, size = max(found)
        sizes[shared] = size
    return (sum(sizes.values()), "") if sizes else (None, "no CPU")


def read_level(place):
    """(level, CPUs that share it, bytes) of one cache; `size` is text such as `491520K`. An instruction cache is -1."""
    level, kind, shared, size = [
        read_text(os.path.join(place, name)) for name in ("level", "type", "shared_cpu_list", "size")
    ]
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    number = int(size.rstrip("KMG")) * units.get(size[-1:], 1)
    return (-1 if kind == "Instruction" else int(level)), shared, number


def read_text(path):
    """A file of one line."""
    with open(path) as file:
        return file.read().strip()
