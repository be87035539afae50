"""How does the host learn when the timed part begins and ends, and how is it given the time to look?

A workload names its main thread `bench:ready` or `bench:done` (/proc/self/comm: the host reads it without asking any
engine), then reads one byte of its standard input: it goes on when the byte has come, at the end of the file, or after
a while. Between the two bytes it is idle, so that the host can read counters while the process is still there: its
control group vanishes with it. Any language may do the same; a workload that does not is only known less exactly.
"""

import os
import select

NAME = "/proc/self/comm"
PATIENCE_S = 30.0
"""For a host that saw nothing: nobody waits for ever."""


def announce(word, path=NAME):
    """Say where the workload is. The kernel cuts a name after 15 bytes."""
    try:
        with open(path, "w") as file:
            file.write("bench:" + word)
    except (IOError, OSError):
        pass  # then the host reads what it can at its own pace


def await_host(file=0, patience_s=PATIENCE_S):
    """Wait for a byte; at once where there is nobody to send one (no standard input, or a person's terminal)."""
    try:
        if os.isatty(file):
            return
        readable = select.select([file], [], [], patience_s)[0]
        if readable:
            os.read(file, 1)
    except (IOError, OSError, ValueError):
        pass  # closed


def meet(word):
    """Announce, then wait for the host."""
    announce(word)
    await_host()
