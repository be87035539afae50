"""A step whose temporaries are large takes no fresh pages, in a process of its own that freed nothing before."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import ctypes, platform, resource, sys
from workloads import allocator
if sys.argv[1] == "settled":
    allocator.settle()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes, libc.memset.argtypes = [ctypes.c_void_p], [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def step():
    blocks = [libc.malloc(size) for size in (1 << 20, 2 << 20, 4 << 20)]
    for block, size in zip(blocks, (1 << 20, 2 << 20, 4 << 20)):
        libc.memset(block, 1, size)
    for block in blocks:  # the smallest is freed first: the threshold is never above the next one
        libc.free(block)

faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
begin = faults()
step()
print(platform.libc_ver()[0], faults() - begin)
"""


def count(how: str) -> int:
    """Page faults of the second step."""
    argv = [sys.executable, "-c", FAULTS, how]
    libc, found = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()
    if libc != "glibc":
        pytest.skip(f"{libc} is no allocator with a threshold that moves")
    return int(found)


def test_a_settled_process_keeps_its_pages() -> None:
    assert count("settled") < 100 < count("as it was")
