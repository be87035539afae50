"""How many float32 operations per second can these cores do by their data sheet, and at which clock?

lanes x FMA per cycle x 2 x clock x cores: Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance
Model for Multicore Architectures", CACM 52(4), 2009. What is not known is None with a reason, never a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.catalog.rows import make_noun, read_toml
from orchestrator.nouns.base import Noun

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE = Path(__file__).with_name("processors.toml")
FLOAT_BITS = 32


class Processor(Noun):
    """A row of processors.toml: what a core of this family begins in a cycle, and how it is recognised."""

    name: str
    vendor: str
    family: int
    source: str
    models: tuple[int, ...] = ()
    """Empty: the flags alone decide."""
    name_pattern: str = ""
    flags: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    fma_256: int = 0
    fma_512: int = 0

    def fits(self, host: Mapping[str, str | None], flags: frozenset[str]) -> bool:
        """Whether vendor, family, model, name and flags are those of such a processor."""
        model = host.get("cpu_model_number")
        return (
            host.get("cpu_vendor") == self.vendor
            and host.get("cpu_family") == str(self.family)
            and (not self.models or model in {str(each) for each in self.models})
            and re.search(self.name_pattern, host.get("cpu_model") or "") is not None
            and flags.issuperset(self.flags)
            and flags.isdisjoint(self.lacks)
        )

    def lanes_per_cycle(self, flags: frozenset[str]) -> tuple[int, int]:
        """(lanes, FMA per cycle) of the wider vector that the CPU says it has, (0, 0) where it has neither."""
        if "avx512f" in flags and self.fma_512:
            return 512 // FLOAT_BITS, self.fma_512
        return (256 // FLOAT_BITS, self.fma_256) if "fma" in flags and self.fma_256 else (0, 0)


class Clock(NamedTuple):
    """A frequency, and what it is."""

    hz: float
    kind: str


@dataclass(frozen=True)
class Theory:
    """What some cores of a machine can do at most, or why nobody can say."""

    flops_per_s: float | None
    how: str
    """The product, with the row that it comes from; or the reason."""


def theoretical_peak(host: Mapping[str, str | None], threads: int) -> Theory:
    """The float32 FMA peak of `threads` threads, one per core as far as there are cores; `host` as fingerprinted."""
    flags = frozenset((host.get("cpu_flags") or "").split())
    model = host.get("cpu_model") or "CPU"
    row = next((each for each in read_processors() if each.fits(host, flags)), None)
    if row is None:
        names = "vendor {} family {} model {}".format(
            *(host.get(name) or "unknown" for name in ("cpu_vendor", "cpu_family", "cpu_model_number"))
        )
        return Theory(None, f"{model} ({names}) is not in processors.toml: its FMA units are not known")
    lanes, per_cycle = row.lanes_per_cycle(flags)
    clock = read_clock(host)
    cores = count_cores(host, threads)
    if not lanes:
        return Theory(None, f"{row.name}: the flags name no vector unit with FMA")
    if clock is None:
        return Theory(None, "the clock is not known: neither cpufreq nor /proc/cpuinfo says")
    if cores is None:
        return Theory(None, "the number of physical cores is not known")
    how = (
        f"{lanes} lanes x {per_cycle} FMA per cycle x 2 x {clock.hz / 1e9:.2f} GHz ({clock.kind}) "
        f"x {cores} {'core' if cores == 1 else 'cores'}: {row.name}"
    )
    return Theory(lanes * per_cycle * 2 * clock.hz * cores, how)


def read_clock(host: Mapping[str, str | None]) -> Clock | None:
    """The highest clock that cpufreq allows; else what /proc/cpuinfo says, which in a virtual machine is nominal.

    No core keeps its highest clock on all cores under wide vectors: that peak is a bound. A nominal one is none:
    a machine that clocks higher than it says can pass it.
    """
    # `3500000`, or `3500000 (0-3), 2400000 (4-7)` where the CPUs differ: the fastest counts
    limits = [float(each) for each in re.findall(r"(?:^|, )(\d+)", host.get("frequency_highest_khz") or "")]
    if limits:
        return Clock(max(limits) * 1e3, "the highest that cpufreq allows")
    nominal = _number(host.get("mhz_now"))
    return Clock(nominal * 1e6, "nominal, of /proc/cpuinfo") if nominal else None


def count_cores(host: Mapping[str, str | None], threads: int) -> int | None:
    """Physical cores that `threads` threads occupy: whole cores are filled before their siblings."""
    cores = _number(host.get("cores"))
    return min(threads, int(cores)) if cores else None


@cache
def read_processors(path: Path = TABLE) -> tuple[Processor, ...]:
    """The rows of the table, in order; raises SpecError for one that is none."""
    rows = read_toml(path).get("core", [])
    return tuple(make_noun(Processor, row, f"{path.name}, row {number}") for number, row in enumerate(rows, 1))


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
