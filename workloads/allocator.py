"""Does every step take its memory from the kernel anew? glibc's answer depends on what the process freed before."""

import numpy as np

LARGEST = 32 * 1024 * 1024 - 65536
"""Bytes: just below the largest block that moves glibc's threshold on a 64-bit machine (mallopt(3),
M_MMAP_THRESHOLD)."""


def settle():
    """Free one large block, as any process has that read a file of weights or drew random numbers.

    A block of glibc above its threshold, 128 KiB at the start, is mapped when it is taken and unmapped when it is
    freed, so that a framework whose temporaries are larger pays for fresh pages at every step. The threshold follows
    the largest mapped block that was freed: which one that was by the first step would be an accident of the harness.
    With other allocators nothing happens.
    """
    np.empty(LARGEST, np.uint8)
