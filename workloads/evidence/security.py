"""Under which restrictions did the process run?"""

import os

FIELDS = ("Seccomp", "NoNewPrivs", "CapEff", "Uid", "Speculation_Store_Bypass", "SpeculationIndirectBranch")
"""A seccomp filter on an old kernel switches speculation off and slows everything: it must be the same for all."""


def parse_status(text):
    """Field -> value of the text of /proc/self/status; of `Uid: 1000 1000 1000 1000` the real one."""
    found = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key in FIELDS:
            found[key] = value.split()[0] if key == "Uid" else value.strip()
    return found


def describe(path="/proc/self/status"):
    """The same for the process whose status lies there, and whether / is read-only."""
    try:
        with open(path) as file:
            found = parse_status(file.read())
    except OSError:
        found = {}
    found["root"] = "read-only" if os.statvfs("/").f_flag & os.ST_RDONLY else "writable"
    return found
