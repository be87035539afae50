"""How much memory did the process need at most?"""


def peak_rss_bytes(path="/proc/self/status"):
    """VmHWM in bytes, or None. Not ru_maxrss: that one remembers the parent's size from before the exec."""
    try:
        with open(path) as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None
