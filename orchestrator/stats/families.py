"""What becomes of p-values and intervals when many comparisons are shown at once?

Claims go through Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6,
1979. Without it, fifty comparisons of equals have a chance of 92 % to contain at least one false claim. Who explores a
long table has q-values beside it: Benjamini, Hochberg, "Controlling the False Discovery Rate", Journal of the Royal
Statistical Society B 57, 1995.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def holm(pvalues: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given: reject those not above alpha, and the family's error stays below alpha."""
    adjusted = [0.0] * len(pvalues)
    highest = 0.0
    for rank, index in enumerate(_ascending(pvalues)):
        highest = max(highest, min(1.0, (len(pvalues) - rank) * pvalues[index]))
        adjusted[index] = highest
    return adjusted


def benjamini_hochberg(pvalues: Sequence[float]) -> list[float]:
    """q-values, in the order given: of the comparisons with q <= 0.05, 5 % are expected to be of equals.

    A promise about the list, not about its members: it is weaker than Holm's, and no claim rests on it.
    """
    adjusted = [0.0] * len(pvalues)
    lowest = 1.0
    for rank, index in reversed(list(enumerate(_ascending(pvalues), start=1))):
        lowest = min(lowest, pvalues[index] * len(pvalues) / rank)
        adjusted[index] = lowest
    return adjusted


def holm_levels(pvalues: Sequence[float], level: float = 0.95) -> list[float]:
    """The confidence level of each interval, in the order given, so that it excludes 1 exactly where Holm rejects.

    The k-th smallest of m p-values has 1 - alpha / (m - k + 1); from the first that is not rejected on, the level
    stays what it was there.
    """
    alpha = 1 - level
    levels = [level] * len(pvalues)
    share, rejecting = alpha, True
    for rank, index in enumerate(_ascending(pvalues)):
        if rejecting:
            share = alpha / (len(pvalues) - rank)
            rejecting = pvalues[index] <= share
        levels[index] = 1 - share
    return levels


def _ascending(pvalues: Sequence[float]) -> list[int]:
    return sorted(range(len(pvalues)), key=pvalues.__getitem__)
