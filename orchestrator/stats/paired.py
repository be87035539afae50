"""How much longer does one build take than another, and how sure are we?

The unit of replication is the process, never the iteration: Georges, Buytaert, Eeckhout, "Statistically Rigorous Java
Performance Evaluation", OOPSLA 2007; the effect is a ratio with an interval: Kalibera, Jones, "Rigorous Benchmarking
in Reasonable Time", ISMM 2013. Blocks pair the processes, so what drifts from block to block cancels.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Ratio:
    """time(a) / time(b): below 1, a is the faster one."""

    estimate: float
    """exp(mean of the blocks' log-ratios)."""
    low: float
    high: float
    """Paired t interval at `level`; (0, inf) from a single block, which says nothing of the spread."""
    level: float
    n: int
    """Blocks."""
    p: float
    """Two-sided, of a ratio of 1."""
    sd_log: float
    """Standard deviation of the blocks' log-ratios; 0 where there is one block."""

    def at(self, level: float) -> Ratio:
        """The same ratio with its interval at another level: 0.90 for equivalence, a higher one within a family."""
        low, high = t_interval(math.log(self.estimate), self.sd_log, self.n, level)
        return Ratio(self.estimate, math.exp(low), _exp(high), level, self.n, self.p, self.sd_log)


def paired_ratio(
    times_a: Mapping[int, Sequence[float]], times_b: Mapping[int, Sequence[float]], level: float = 0.95
) -> Ratio:
    """The ratio of a to b over the blocks that both have; times are seconds of one process, by block.

    A process counts with the arithmetic mean of its times, so autocorrelation inside it never enters the interval.
    Raises ValueError where no block has both.
    """
    common = sorted(times_a.keys() & times_b.keys())
    if not common:
        raise ValueError("no block has times of both")
    logs = [math.log(statistics.fmean(times_a[block]) / statistics.fmean(times_b[block])) for block in common]
    n = len(logs)
    mean = statistics.fmean(logs)
    sd = statistics.stdev(logs) if n > 1 else 0.0
    low, high = t_interval(mean, sd, n, level)
    return Ratio(math.exp(mean), math.exp(low), _exp(high), level, n, _p_value(mean, sd, n), sd)


def t_interval(mean: float, sd: float, n: int, level: float) -> tuple[float, float]:
    """Student's interval for a mean of `n` independent values; infinite from fewer than two."""
    if n < 2:
        return -math.inf, math.inf
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, (1 + level) / 2)) * sd / math.sqrt(n)
    return mean - half, mean + half


def _p_value(mean: float, sd: float, n: int) -> float:
    if n < 2:
        return 1.0
    if sd == 0:
        return 1.0 if mean == 0 else 0.0
    from scipy.special import stdtr

    return 2 * float(stdtr(n - 1, -abs(mean) * math.sqrt(n) / sd))


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
