"""Which CPUs of this machine are whole cores, and which of them does a trial get?"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SYS = Path("/sys")
SAME_KIND = 0.9
"""Of the highest capacity: cores of one design differ by some percent, as the best of them may clock higher."""


class Core(NamedTuple):
    """A physical core: its hardware threads that this process may use, lowest first."""

    cpus: tuple[int, ...]
    siblings: tuple[int, ...]
    """All its hardware threads that are online, usable or not."""
    node: int
    """NUMA node."""
    slow: bool = False
    """An efficiency core of a hybrid CPU."""


class CpuSet(NamedTuple):
    """What a trial is pinned to."""

    cpus: tuple[int, ...]
    mems: tuple[int, ...]
    """NUMA nodes of these CPUs."""
    cores: tuple[Core, ...]

    @property
    def shape(self) -> str:
        """What of it may change a number, ids apart: `4 cpus on 4 cores of 1 node`."""
        mixed = " (mixed kinds)" if len({core.slow for core in self.cores}) > 1 else ""
        kind = " (efficiency cores)" if not mixed and self.cores[0].slow else ""
        whole = " (siblings of others)" if any(core.cpus != core.siblings for core in self.cores) else ""
        return f"{len(self.cpus)} cpus on {len(self.cores)} cores of {len(self.mems)} nodes{mixed or kind}{whole}"

    @property
    def blocked(self) -> frozenset[int]:
        """Every hardware thread of these cores: nobody else should compute there."""
        return frozenset(cpu for core in self.cores for cpu in core.siblings)


def read_topology(sys: Path = SYS, allowed: Iterable[int] | None = None) -> tuple[Core, ...]:
    """The cores that this process may use at least one thread of, in the order of their lowest CPU.

    `allowed` defaults to this process's affinity. What sysfs does not say (containers, other kernels) counts as a
    core of its own on node 0.
    """
    usable = frozenset(os.sched_getaffinity(0) if allowed is None else allowed)
    folder = sys / "devices/system/cpu"
    nodes = _read_nodes(sys / "devices/system/node")
    slow = _read_slow(sys, usable)
    cores: dict[tuple[int, ...], Core] = {}
    for cpu in sorted(usable):
        topology = folder / f"cpu{cpu}/topology"
        listed = _read(topology / "core_cpus_list") or _read(topology / "thread_siblings_list")
        siblings = tuple(sorted(parse_cpus(listed) | {cpu}))
        mine = tuple(sibling for sibling in siblings if sibling in usable)
        cores.setdefault(siblings, Core(mine, siblings, nodes.get(cpu, 0), cpu in slow))
    return tuple(sorted(cores.values()))


def choose_cpus(threads: int, cores: Iterable[Core]) -> CpuSet:
    """One hardware thread each of `threads` whole cores, on one NUMA node if they fit.

    The highest-numbered ones, so that core 0, where interrupts and the orchestrator live, is the last to be taken;
    performance cores before efficiency cores, and both only where neither kind suffices. Where there are fewer cores
    than threads, siblings share a core. The set's shape, which every record holds, says so.

    Raises UsageError for more threads than CPUs.
    """
    available = tuple(cores)
    cpus = sum(len(core.cpus) for core in available)
    if threads > cpus:
        raise UsageError(f"{threads} threads were asked for, and this process may use {cpus} CPUs; see --threads")
    if threads < 1:
        raise UsageError(f"{threads} threads were asked for; one is the least")
    for group in _groups(available):
        if len(group) >= threads:
            chosen = group[:threads]
            return _make_set(chosen, [core.cpus[0] for core in chosen])
    # more threads than cores: fill the cores' other hardware threads, best cores first
    order = _groups(available)[-1]
    depth = max(len(core.cpus) for core in order)
    taken = [(core, core.cpus[level]) for level in range(depth) for core in order if level < len(core.cpus)][:threads]
    return _make_set(list(dict.fromkeys(core for core, _ in taken)), [cpu for _, cpu in taken])


@contextmanager
def pinned_off(blocked: frozenset[int]) -> Iterator[None]:
    """Keep this process off some CPUs for a while, where it has others to go to."""
    before = os.sched_getaffinity(0)
    rest = before - blocked
    if not rest or rest == before:
        yield
        return
    pin_self(rest)
    try:
        yield
    finally:
        pin_self(before)


def pin_self(cpus: Iterable[int]) -> None:
    """Move every thread of this process; threads that are made later inherit it."""
    wanted = frozenset(cpus)
    for task in Path("/proc/self/task").iterdir():
        try:
            os.sched_setaffinity(int(task.name), wanted)
        except ProcessLookupError:
            continue  # the thread ended meanwhile


def parse_cpus(text: str) -> frozenset[int]:
    """The kernel's list format: `0-3,8,10-11`."""
    found: set[int] = set()
    for part in text.replace("\n", "").split(","):
        first, _, last = part.strip().partition("-")
        if first:
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _groups(cores: tuple[Core, ...]) -> list[list[Core]]:
    """Ways to choose, best first: cores of one kind, the fast ones before the slow, and only then both kinds.

    Threads share a step's work in equal parts, so in a mixed set the fast cores wait for the slow. Of each way, the
    cores of one node come before those of all.
    """
    order = sorted(cores, key=lambda core: (core.slow, core.cpus != core.siblings, -core.cpus[0]))
    nodes = sorted({core.node for core in cores}, reverse=True)
    found = []
    for kind in ([core for core in order if not core.slow], [core for core in order if core.slow], order):
        found += [[core for core in kind if core.node == node] for node in nodes] + [kind]
    return found


def _make_set(cores: Iterable[Core], cpus: Iterable[int]) -> CpuSet:
    chosen = tuple(sorted(cores))
    return CpuSet(tuple(sorted(cpus)), tuple(sorted({core.node for core in chosen})), chosen)


def _read_slow(sys: Path, usable: frozenset[int]) -> frozenset[int]:
    """The efficiency cores of a hybrid CPU: listed by Intel's driver, told by their capacity on ARM.

    See Documentation/ABI/testing/sysfs-devices-system-cpu: `cpu_capacity` is relative to the fastest, which has 1024.
    """
    listed = parse_cpus(_read(sys / "devices/cpu_atom/cpus"))
    if listed:
        return listed
    texts = {cpu: _read(sys / f"devices/system/cpu/cpu{cpu}/cpu_capacity") for cpu in usable}
    capacities = {cpu: int(text) for cpu, text in texts.items() if text.isdigit()}
    most = max(capacities.values(), default=0)
    return frozenset(cpu for cpu, capacity in capacities.items() if capacity < SAME_KIND * most)


def _read_nodes(folder: Path) -> dict[int, int]:
    """CPU -> NUMA node."""
    found: dict[int, int] = {}
    for path in folder.glob("node[0-9]*"):
        for cpu in parse_cpus(_read(path / "cpulist")):
            found[cpu] = int(path.name.removeprefix("node"))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
