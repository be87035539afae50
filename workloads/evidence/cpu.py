"""Which CPUs may the process use, and what can they do?"""

import os

FLAGS = frozenset(
    "sse4_1 sse4_2 avx fma avx2 avx512f avx512cd avx512dq avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16 "
    "avx_vnni amx_tile amx_int8 amx_bf16 amx_fp16 asimd asimdhp asimddp sve sve2 bf16 i8mm".split()
)
"""What BLAS libraries and frameworks choose their kernels by."""


def parse_cpuinfo(text):
    """(model name, [flags of FLAGS]) of the first CPU in the text of /proc/cpuinfo; model "" where it is not given."""
    model, flags = "", []
    for line in text.splitlines():
        key, _, value = line.partition(":")
        key = key.strip()
        if key == "model name" and not model:
            model = value.strip()
        if key in ("flags", "Features") and not flags:
            flags = sorted(FLAGS.intersection(value.split()))
    return model, flags


def describe(pid=0):
    """Affinity (of the process `pid`, 0 for this one), CPU count, model and flags as Evidence names them."""
    try:
        with open("/proc/cpuinfo") as file:
            model, flags = parse_cpuinfo(file.read())
    except OSError:
        model, flags = "", []
    return {
        "affinity": sorted(os.sched_getaffinity(pid)),
        "cpu_count": os.cpu_count() or 0,
        "cpu_model": model,
        "isa": flags,
    }
