"""`python -m workloads.data FOLDER` prints what `bench data check` shows, as JSON.

A process of its own: the files may be anything, and what they do to an interpreter ends with it.
"""

import json
import sys

from workloads.data.check import check

MEMORY = 8 << 30
"""Bytes of address space; far more than any of the data sets takes."""


def main():
    """Bound the memory, read, print."""
    try:
        import resource  # noqa: PLC0415  (Unix has it)

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        soft = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    except (ImportError, ValueError, OSError):
        pass
    json.dump(check(sys.argv[1]), sys.stdout)


if __name__ == "__main__":
    main()
