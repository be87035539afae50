"""Are there blocks enough, and how many will there have to be?

The rule looks at the width of the interval and never at its place: whoever looks again and again and stops once p is
below 5 % is wrong in a quarter of the comparisons of equals. Stopping by width is not quite free either: a campaign
whose spread happens to look small stops early, which is why nothing stops before the pilot is complete. Simulated at a
width of 1 %, a pilot of 10 lets up to 6.8 % of the 95 % intervals miss the truth (where about 25 blocks are needed) and
up to 6.1 % of the verdicts claim falsely, as these need an effect as well; a pilot of 15 lets 6.2 % and 5.8 %.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.stats.paired import Ratio

PILOT = 10


def half_width(ratio: Ratio) -> float:
    """How far the interval reaches above the estimate, as a share of it: 0.007 for 1.083 (1.075-1.091)."""
    return ratio.high / ratio.estimate - 1


def precise_enough(ratio: Ratio, half_width: float, *, pilot: int = PILOT) -> bool:
    """Whether a campaign may stop: the pilot is complete, and the interval reaches no further than `half_width`."""
    _check(half_width)
    return ratio.n >= max(pilot, 2) and ratio.high <= ratio.estimate * (1 + half_width)


def blocks_needed(ratio: Ratio, half_width: float, *, pilot: int = PILOT) -> int:
    """The smallest number of blocks whose interval would be that narrow, were the spread what it has been so far.

    n >= (t(n - 1) sd / log(1 + half_width))^2, with t taken at n itself; never below the pilot, and the pilot where
    one block says nothing of the spread. Source: Stein, "A Two-Sample Test for a Linear Hypothesis Whose Power Is
    Independent of the Variance", Annals of Mathematical Statistics 16, 1945; Jain, "The Art of Computer Systems
    Performance Analysis", 1991, section 13.9.
    """
    _check(half_width)
    from scipy.special import stdtrit

    least = max(pilot, 2)
    if ratio.n < 2:
        return least
    target, share = math.log1p(half_width), (1 + ratio.level) / 2

    def narrow(n: int) -> bool:
        return float(stdtrit(n - 1, share)) * ratio.sd_log <= target * math.sqrt(n)

    if narrow(least):
        return least
    wide, enough = least, 2 * least
    while not narrow(enough):
        wide, enough = enough, 2 * enough
    while enough - wide > 1:
        middle = (wide + enough) // 2
        wide, enough = (wide, middle) if narrow(middle) else (middle, enough)
    return enough


def _check(half_width: float) -> None:
    if not 0 < half_width < math.inf:
        raise ValueError(f"a half-width is a positive share such as 0.01, not {half_width}")
