"""What stands in a file that holds a framework's kernels?"""

import mmap


def occurrences(path, word):
    """How often the bytes `word` occur in a file."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        count, at = 0, data.find(word)
        while at >= 0:
            count, at = count + 1, data.find(word, at + 1)
    return count
