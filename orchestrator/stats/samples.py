"""What do the samples inside one process look like? Diagnostics: nothing is discarded, nothing enters an interval."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from orchestrator.stats.paired import t_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

# hyperfine's threshold: 10 standard deviations of a normal distribution, in median absolute deviations.
MODIFIED_Z = 14.826


@dataclass(frozen=True)
class Quantile:
    """A quantile with an interval from order statistics, or why it has none."""

    q: float
    estimate: float | None
    low: float | None
    high: float | None
    n: int

    @property
    def estimable(self) -> bool:
        """False where so few samples say nothing of this quantile at this level."""
        return self.low is not None

    def __str__(self) -> str:
        return f"{self.estimate:g}" if self.estimable else f"not estimable from {self.n} samples"


def quantile_interval(samples: Sequence[float], q: float, level: float = 0.95) -> Quantile:
    """The q-quantile and an interval between two order statistics (binomial, free of any distribution).

    Not estimable where even the largest sample may well lie below it: p99 at 95 % needs 299 samples. It assumes
    independent samples. Source: Conover, "Practical Nonparametric Statistics", 3rd edition, section 3.2.
    """
    from scipy.special import bdtr

    ordered, n, alpha = sorted(samples), len(samples), 1 - level
    nothing = Quantile(q, None, None, None, n)
    if n == 0:
        return nothing
    below = [float(bdtr(k, n, q)) for k in range(n + 1)]  # below[k]: P(at most k samples lie below the quantile)
    # The upper tail takes half of alpha where it can, otherwise what it needs; the lower takes what is left.
    high = next((k for k in range(1, n + 1) if 1 - below[k - 1] <= alpha / 2), n)
    rest = alpha - (1 - below[high - 1])
    low = max((k for k in range(1, high + 1) if below[k - 1] <= rest), default=0)
    if rest < 0 or low == 0:
        return nothing
    return Quantile(q, ordered[max(0, math.ceil(q * n) - 1)], ordered[low - 1], ordered[high - 1], n)


def modified_z_outliers(samples: Sequence[float], limit: float = MODIFIED_Z) -> list[bool]:
    """Which samples lie more than `limit` median absolute deviations from the median (Iglewicz and Hoaglin 1993)?"""
    if not samples:
        return []
    centre = statistics.median(samples)
    spread = statistics.median(abs(value - centre) for value in samples)
    return [abs(value - centre) > limit * spread > 0 for value in samples]


def lag1_autocorrelation(samples: Sequence[float]) -> float | None:
    """Correlation of each sample with the next one; None for fewer than three samples, or equal ones."""
    if len(samples) < 3:
        return None
    mean = statistics.fmean(samples)
    total = math.fsum((value - mean) ** 2 for value in samples)
    if total <= len(samples) * (1e-12 * mean) ** 2:  # equal but for rounding
        return None
    return math.fsum((first - mean) * (second - mean) for first, second in pairwise(samples)) / total


def effective_count(samples: Sequence[float]) -> float:
    """How many independent samples say as much of the mean as these do, for an AR(1) series: n (1 - r) / (1 + r)."""
    rho = lag1_autocorrelation(samples)
    return float(len(samples)) if rho is None or rho <= 0 else len(samples) * (1 - rho) / (1 + rho)


def variance_parts(processes: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """(between processes, within a process): variances of a one-way layout with random effects, never below 0.

    None where there are fewer than two processes, or none with two samples. Source: Searle, Casella, McCulloch,
    "Variance Components", 1992, section 3.6 (unequal counts).
    """
    groups = [group for group in processes if group]
    n, total = len(groups), sum(len(group) for group in groups)
    if n < 2 or total <= n:
        return None
    means = [statistics.fmean(group) for group in groups]
    grand = statistics.fmean(value for group in groups for value in group)
    inside = math.fsum((value - mean) ** 2 for group, mean in zip(groups, means, strict=True) for value in group)
    outside = math.fsum(len(group) * (mean - grand) ** 2 for group, mean in zip(groups, means, strict=True))
    within = inside / (total - n)
    size = (total - sum(len(group) ** 2 for group in groups) / total) / (n - 1)
    return max(0.0, (outside / (n - 1) - within) / size), within


def steadiness(processes: Sequence[Sequence[float]], tolerance: float = 0.01, level: float = 0.95) -> str:
    """`steady`, `drift` or `inconclusive`: is a process's first third as fast as its last, over many processes?

    A t interval over the processes' relative differences: inside the tolerance it is steady, outside of 0 a drift.
    """
    shifts = []
    for samples in processes:
        third = len(samples) // 3
        if third:
            first, last = statistics.fmean(samples[:third]), statistics.fmean(samples[-third:])
            shifts.append((first - last) / statistics.fmean(samples))
    if len(shifts) < 2:
        return "inconclusive"
    low, high = t_interval(statistics.fmean(shifts), statistics.stdev(shifts), len(shifts), level)
    if -tolerance < low and high < tolerance:
        return "steady"
    return "drift" if low > 0 or high < 0 else "inconclusive"
