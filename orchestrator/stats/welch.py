"""How much longer does one side take than another, where nothing pairs their processes?

Welch, "The Generalization of Student's Problem when Several Different Population Variances are Involved", Biometrika
34, 1947, on the logarithms of process means, with Satterthwaite's degrees of freedom. What drifts between the two
sides does not cancel and is not in the interval: where blocks pair the processes, stats/paired.py is the better tool.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Unpaired:
    """time(a) / time(b) of processes that have nothing in common but their side."""

    estimate: float
    """Ratio of the geometric means of the process means."""
    low: float
    high: float
    """Welch's interval at `level`; (0, inf) where a side has a single process."""
    level: float
    counts: tuple[int, int]
    """Processes of a and of b."""
    error: float
    """Standard error of the log-ratio; infinite where a side has a single process."""
    freedom: float
    """Degrees of freedom."""

    def at(self, level: float) -> Unpaired:
        """The same with its interval at another level."""
        low, high = _interval(math.log(self.estimate), self.error, self.freedom, level)
        return replace(self, low=low, high=high, level=level)

    def p(self, bound: float = 1.0) -> float:
        """Two-sided p-value of a true ratio of `bound`."""
        distance = abs(math.log(self.estimate / bound))
        if not math.isfinite(self.error):
            return 1.0
        if self.error == 0:
            return 1.0 if distance == 0 else 0.0
        from scipy.special import stdtr

        return 2 * float(stdtr(self.freedom, -distance / self.error))


def unpaired_ratio(times_a: Sequence[float], times_b: Sequence[float], level: float = 0.95) -> Unpaired:
    """The ratio of a to b; times are seconds, one number per process: its mean.

    Raises ValueError where a side is empty.
    """
    if not times_a or not times_b:
        raise ValueError("a side has no times")
    logs = [[math.log(time) for time in side] for side in (times_a, times_b)]
    difference = statistics.fmean(logs[0]) - statistics.fmean(logs[1])
    error, freedom = _error(logs)
    low, high = _interval(difference, error, freedom, level)
    return Unpaired(math.exp(difference), low, high, level, (len(times_a), len(times_b)), error, freedom)


def _error(sides: Sequence[Sequence[float]]) -> tuple[float, float]:
    """(standard error, degrees of freedom) of the difference of two means."""
    if min(map(len, sides)) < 2:
        return math.inf, 1.0
    parts = [statistics.variance(side) / len(side) for side in sides]
    total = sum(parts)
    if total == 0:
        return 0.0, float(sum(map(len, sides)) - 2)
    freedom = total**2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, sides, strict=True))
    return math.sqrt(total), freedom


def _interval(difference: float, error: float, freedom: float, level: float) -> tuple[float, float]:
    if not math.isfinite(error):
        return 0.0, math.inf
    from scipy.special import stdtrit

    half = float(stdtrit(freedom, (1 + level) / 2)) * error
    return math.exp(difference - half), _exp(difference + half)


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
