"""In which arithmetic did the process compute, beyond its data type?"""

import os
import sys

import numpy as np


def denormals():
    """`kept`, or what of `results` and `operands` the main thread takes for zero when they are subnormal.

    One library built with -ffast-math switches that on for the thread that loads it, and products of small numbers get
    a hundred times faster. The flags belong to a thread: those of a pool's other threads are not seen.
    """
    half = np.float32(2.0**-126) * np.float32(0.5)  # a normal number whose half is not
    flushed = ["results"] if half == 0 or sys.float_info.min / 2 == 0 else []
    # As bits, because a conversion from float64 would flush it on the way.
    tiny = np.array([1], dtype=np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        if (tiny * np.float32(2.0**60))[0] == 0:
            flushed.append("operands")
    return "flushed: " + ", ".join(flushed) if flushed else "kept"


def describe(backend, before, after=None):
    """What -> how it was, as one text each. `before` is what `denormals` said before the timed region, `after` what it
    says now, where another process computes."""
    after = after or denormals()
    found = {"denormals": before if before == after else "{0}, then {1}".format(before, after)}
    found["oneDNN math mode"] = os.environ.get("ONEDNN_DEFAULT_FPMATH_MODE", "strict").lower()
    found.update(backend.arithmetic())
    return found
