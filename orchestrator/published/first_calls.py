"""How slow can the first call have been, and how fast the others, by a mean and a standard deviation alone?

Of n values with mean m and population standard deviation sd, none lies above m + sd sqrt(n - 1): Samuelson, "How
Deviant Can You Be?", Journal of the American Statistical Association 63, 1968. It is reached where the n - 1 others are
equal, to m - sd / sqrt(n - 1); then sd = (first - others) sqrt(n - 1) / n, for n = 20: 0.2179 (first - others). So
whatever the first call took, the mean of the others is not below that.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from orchestrator.nouns.published import Number

METRIC = "mean of 20"
CALLS = 20


class Bounds(NamedTuple):
    """What a printed mean and standard deviation leave possible, in seconds."""

    first_s: float
    """No call took longer."""
    others_s: float
    """The mean of the other calls is not below this; it is this if one call made all of the spread."""


def bound_calls(mean_s: float, sd_s: float, calls: int = CALLS) -> Bounds:
    """Both bounds. `sd_s` is the population's, as np.std gives it."""
    root = math.sqrt(calls - 1)
    return Bounds(mean_s + sd_s * root, max(0.0, mean_s - sd_s / root))


def bound_number(number: Number) -> Bounds | None:
    """Of a number that is such a mean; None for the others."""
    if number.metric != METRIC or number.sd is None:
        return None
    return bound_calls(number.seconds, number.sd * number.seconds / number.value)
