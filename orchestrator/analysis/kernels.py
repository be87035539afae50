"""How wide are the vectors of the kernels that a BLAS says it chose, and of the CPU that it chose them for?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS = ("plain C", "SSE", "AVX", "AVX2", "AVX-512")
"""Instruction sets of x86 that kernels are written for, narrowest first. Of other machines nothing is said here."""

# The first of these flags of /proc/cpuinfo that a CPU has is its level.
_FLAGS = (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("avx", "AVX"), ("sse4_1", "SSE"), ("sse4_2", "SSE"))


class Kernel(NamedTuple):
    """A family of kernels."""

    level: str
    year: int | None = None
    """In which the CPU came out that it is named after; None where it is named after none."""


# Lower case. OpenBLAS: driver/others/dynamic.c and kernel/x86_64/KERNEL.*; BLIS: config_registry and config/*; ATLAS:
# CONFIG/src/atlconf_misc.h; MKL: its files are named after the instruction set. libmkl_def is left out: on AMD's CPUs
# it holds kernels of several widths, and which of them ran cannot be seen.
KERNELS = {
    "generic": Kernel("plain C"),
    "x86sse2": Kernel("SSE"),
    "x86sse3": Kernel("SSE"),
    "x86avx": Kernel("AVX"),
    "opteron": Kernel("SSE", 2003),
    "prescott": Kernel("SSE", 2004),
    "opteron_sse3": Kernel("SSE", 2005),
    "core2": Kernel("SSE", 2006),
    "barcelona": Kernel("SSE", 2007),
    "penryn": Kernel("SSE", 2007),
    "dunnington": Kernel("SSE", 2008),
    "nehalem": Kernel("SSE", 2008),
    "atom": Kernel("SSE", 2008),
    "bobcat": Kernel("SSE", 2011),
    "sandybridge": Kernel("AVX", 2011),
    "bulldozer": Kernel("AVX", 2011),
    "piledriver": Kernel("AVX", 2012),
    "steamroller": Kernel("AVX", 2014),
    "haswell": Kernel("AVX2", 2013),
    "zen": Kernel("AVX2", 2017),
    "zen2": Kernel("AVX2", 2019),
    "zen3": Kernel("AVX2", 2020),
    "knl": Kernel("AVX-512", 2016),
    "skx": Kernel("AVX-512", 2017),
    "skylakex": Kernel("AVX-512", 2017),
    "cooperlake": Kernel("AVX-512", 2020),
    "sapphirerapids": Kernel("AVX-512", 2023),
    "mkl_mc": Kernel("SSE"),
    "mkl_mc3": Kernel("SSE"),
    "mkl_avx": Kernel("AVX"),
    "mkl_avx2": Kernel("AVX2"),
    "mkl_avx512": Kernel("AVX-512"),
    "mkl_avx512_mic": Kernel("AVX-512"),
}


def find_kernel(core: str) -> Kernel | None:
    """What is known of a core by its name, `SkylakeX` or `libmkl_avx2`; None for one that is not in the table."""
    return KERNELS.get(core.strip().lower().removeprefix("lib"))


def cpu_level(flags: Iterable[str]) -> str:
    """The widest of LEVELS that a CPU lists; empty where it lists none of them, as on another architecture."""
    listed = frozenset(flags)
    return next((level for flag, level in _FLAGS if flag in listed), "")


def is_narrower(level: str, than: str) -> bool:
    """Whether both are known, and the first is the narrower."""
    return level in LEVELS and than in LEVELS and LEVELS.index(level) < LEVELS.index(than)


def is_poor(core: str, flags: Iterable[str]) -> bool:
    """Whether these kernels leave the CPU's AVX alone: no kernel for this CPU, or one of another age."""
    kernel = find_kernel(core)
    if kernel is None:
        return False
    return kernel.level == LEVELS[0] or (kernel.level == "SSE" and is_narrower("SSE", cpu_level(flags)))
