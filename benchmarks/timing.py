"""How is one command set against another on a noisy machine? In pairs, alternating, with an interval on the ratio."""

from __future__ import annotations

import math
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence

from scipy import stats

Run = Callable[[], float]


def command(argv: Sequence[str], **kwargs: object) -> Run:
    """A run that times a whole process, in seconds."""

    def run() -> float:
        begin = time.perf_counter()
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **kwargs)  # type: ignore[call-overload]
        return time.perf_counter() - begin

    return run


def call(function: Callable[[], object]) -> Run:
    """A run that times a call, in seconds."""

    def run() -> float:
        begin = time.perf_counter()
        function()
        return time.perf_counter() - begin

    return run


def alone(run: Run, times: int) -> list[float]:
    """Seconds of `times` runs, after one that is not counted."""
    run()
    return [run() for _ in range(times)]


def paired(first: Run, second: Run, times: int) -> tuple[list[float], list[float]]:
    """Seconds of both, alternating which goes first, after one of each that is not counted."""
    first(), second()
    a: list[float] = []
    b: list[float] = []
    for index in range(times):
        for run, into in ((first, a), (second, b))[:: 1 if index % 2 else -1]:
            into.append(run())
    return a, b


def ratio(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """exp of the mean log-ratio of the pairs a/b, with its 95 % t interval."""
    logs = [math.log(x / y) for x, y in zip(a, b, strict=True)]
    mean = statistics.fmean(logs)
    half = stats.t.ppf(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


class Report:
    """The lines that are printed, and which targets they miss."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        print(f"{'':<58} {'min':>8} {'median':>8} {'max':>8}")

    def show(self, name: str, seconds: Sequence[float], target_s: float | None = None) -> None:
        """One line: minimum, median and maximum; the median is held against the target."""
        low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
        note = self._judge(name, middle, target_s, "s")
        print(f"{name:<58} {low:8.3f} {middle:8.3f} {high:8.3f} s   {note}", flush=True)

    def show_ratio(self, name: str, a: Sequence[float], b: Sequence[float], target: float) -> None:
        """One line: the ratio and its interval."""
        middle, low, high = ratio(a, b)
        note = self._judge(name, middle, target, "x")
        print(f"{name:<58} {middle:8.3f}x (95 % CI {low:.3f}-{high:.3f}, {len(a)} pairs)   {note}", flush=True)

    def show_size(self, name: str, mib: float, target_mib: float) -> None:
        """One line: the most memory that a process had."""
        print(f"{name:<58} {mib:8.0f} MiB   {self._judge(name, mib, target_mib, 'MiB')}", flush=True)

    def _judge(self, name: str, value: float, target: float | None, unit: str) -> str:
        if target is None:
            return ""
        if value > target:
            self.missed.append(name)
        return f"target: {target:g} {unit}{', missed' if value > target else ''}"
