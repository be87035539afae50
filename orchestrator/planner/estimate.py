"""How long will it take, as far as that can be known?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.nouns.plan import Cell


class Estimate(NamedTuple):
    """Seconds of machine time."""

    least_s: float
    """No less than this."""
    most_s: float | None
    """No more than this, if every trial takes what its cell has taken so far; None before every cell has run once."""
    unknown: int
    """Cells of which no trial has been seen: they count with the shortest that the method allows."""


def estimate(
    least: Mapping[Cell, int], most: Mapping[Cell, int], seconds: Mapping[Cell, float], *, shortest_s: float
) -> Estimate:
    """What is left: trials that will run and trials that may run, and the seconds that one of a cell has taken."""
    unknown = sum(count > 0 and cell not in seconds for cell, count in most.items())
    at_least = math.fsum(count * seconds.get(cell, shortest_s) for cell, count in least.items())
    at_most = math.fsum(count * seconds.get(cell, shortest_s) for cell, count in most.items())
    return Estimate(at_least, None if unknown else at_most, unknown)
