"""How many threads worked while the samples were taken?"""

import os

BUSY_SHARE = 0.2
"""Where the kernel does not tell how long a thread waited for a CPU: share of the wall time above which it counts."""


def run_seconds(folder="/proc/self/task"):
    """Thread id -> (seconds on a CPU, seconds waiting for one or None).

    From `schedstat` (nanoseconds); from `stat` (clock ticks of 10 ms), which knows no waiting, where there is none.
    """
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
            ran, waited = file.read().split()[:2]
            return int(ran) / 1e9, int(waited) / 1e9
    except (OSError, ValueError):
        with open(os.path.join(folder, "stat")) as file:
            return parse_stat(file.read()) / float(os.sysconf("SC_CLK_TCK")), None


def parse_stat(text):
    """utime + stime in clock ticks, fields 14 and 15; the name in field 2 may hold anything: `12 (a) b) R ...`."""
    fields = text.rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


class Counter(object):
    """Reads every thread's clocks directly before and after the timed region."""

    def __init__(self, read=run_seconds):
        self.read = read
        self.at = {}

    def mark(self, name):
        """`start` or `stop`."""
        self.at[name] = self.read()

    def busy(self, wall_s):
        """Threads that ran or wanted to run, on average over `wall_s` seconds, rounded.

        Eight threads that fight for one CPU each run for an eighth of the time and wait for the rest: 8. A main thread
        and a pool's thread that take turns never want to run at once: 1. Spinning at a barrier counts.
        """
        start, stop = self.at["start"], self.at["stop"]
        if wall_s <= 0:
            return 0
        spent = [(stop[task], start.get(task, (0.0, 0.0))) for task in stop]  # one that began later began at nothing
        if any(now[1] is None for now, _ in spent):
            return sum(1 for now, then in spent if now[0] - then[0] > BUSY_SHARE * wall_s)
        wanted = sum(now[0] - then[0] + now[1] - (then[1] or 0.0) for now, then in spent)
        return int(round(wanted / wall_s))

    def process(self):
        """Threads of the process at the stop."""
        return len(self.at["stop"])
