"""How many threads worked while the samples were taken?"""

import os

BUSY_SHARE = 0.2
"""A thread is busy when it used more than this share of the timed region's wall time; spinning at a barrier counts."""


def cpu_seconds(folder="/proc/self/task"):
    """Thread id -> CPU seconds so far. From `schedstat` (nanoseconds), else from `stat` (clock ticks of 10 ms)."""
    seconds = {}
    for task in os.listdir(folder):
        try:
            seconds[task] = _read_task(os.path.join(folder, task))
        except (OSError, ValueError, IndexError):
            continue  # it ended between the listing and the reading
    return seconds


def _read_task(folder):
    try:
        with open(os.path.join(folder, "schedstat")) as file:
            return int(file.read().split()[0]) / 1e9
    except (OSError, IndexError):
        with open(os.path.join(folder, "stat")) as file:
            return parse_stat(file.read()) / float(os.sysconf("SC_CLK_TCK"))


def parse_stat(text):
    """utime + stime in clock ticks, fields 14 and 15; the name in field 2 may hold anything: `12 (a) b) R ...`."""
    fields = text.rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


class Counter(object):
    """Reads every thread's clock directly before and after the timed region."""

    def __init__(self, read=cpu_seconds):
        self.read = read
        self.at = {}

    def mark(self, name):
        """`start` or `stop`."""
        self.at[name] = self.read()

    def busy(self, wall_s):
        """Threads that worked for more than BUSY_SHARE of `wall_s`; one that began later started from nothing."""
        start, stop = self.at["start"], self.at["stop"]
        return sum(1 for task in stop if stop[task] - start.get(task, 0.0) > BUSY_SHARE * wall_s)

    def process(self):
        """Threads of the process at the stop."""
        return len(self.at["stop"])
