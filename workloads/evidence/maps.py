"""Which files does this process execute code from?"""


def mapped_files(text):
    """Paths of the executable mappings in the text of /proc/PID/maps, each once, in order.

    A line is `7f12a000-7f13b000 r-xp 00001000 fe:01 1234   /usr/lib/libfoo.so.1 (deleted)`: five columns, then the
    path, which may hold spaces.
    """
    paths = []
    for line in text.splitlines():
        columns = line.split(None, 5)
        if len(columns) < 6 or "x" not in columns[1] or not columns[5].startswith("/"):
            continue
        path = columns[5]
        if path.endswith(" (deleted)"):
            path = path[: -len(" (deleted)")]
        if path not in paths:
            paths.append(path)
    return paths


def read_maps(path="/proc/self/maps"):
    """The same for this process; OSError where there is no /proc."""
    with open(path) as file:
        return mapped_files(file.read())
