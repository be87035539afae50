"""How is the time that is left said, with no more certainty than there is?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.nouns.plan import Why

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.nouns.plan import Cell, Departure
    from orchestrator.planner.estimate import Estimate

HOUR_S = 3600


def say_estimate(guess: Estimate) -> str:
    """`about 12 min 30 s`, `no less than 50 s, at most 2 h 3 min`, or what is not known yet."""
    if guess.most_s is None:
        cells = f"{guess.unknown} cell{'s have' if guess.unknown > 1 else ' has'} not run here yet"
        return f"no less than {clock(guess.least_s)}; more is not known before the first block, as {cells}"
    if guess.most_s - guess.least_s < 1:
        return f"about {clock(guess.most_s)}"
    return f"no less than {clock(guess.least_s)}, at most {clock(guess.most_s)}"


def say_count(least: Mapping[Cell, int], most: Mapping[Cell, int]) -> str:
    """`120 trials`, or `40 to 400 trials` where precision decides."""
    low, high = sum(least.values()), sum(most.values())
    return f"{low} trials" if low == high else f"{low} to {high} trials"


def say_departure(departure: Departure) -> str:
    """One line for a cell that runs no more."""
    cell, blocks = departure.cell.id, departure.blocks
    if departure.why is Why.FAILED:
        return f"{cell} leaves after {blocks} blocks: {departure.reason}"
    width = f"{100 * departure.half_width:.3g} %" if departure.half_width < 1 else "no interval below 100 %"
    if departure.why is Why.CAP:
        return f"{cell} is not precise enough: {width} after all {blocks} blocks"
    return f"{cell} is precise enough: {width} after {blocks} blocks"


def clock(seconds: float) -> str:
    """`2 h 3 min`, `12 min 30 s`, `4 s`: from an hour on, nobody waits for the seconds."""
    rest = round(seconds)
    if rest >= HOUR_S:
        hours, minutes = divmod(round(rest / 60), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    minutes, rest = divmod(rest, 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
