"""Where on an axis does a number stand? In percent of its width, so that a drawing fits any width without a script."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.report.durations import show_round

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Interval = tuple[float, float | None, float | None]
    """Estimate, and the ends of its interval where it has any."""

TICKS = 6
"""At most; more do not fit side by side on a telephone."""
APART = 15.0
"""Percent between two labels at least."""
ONE = "1x"
"""The label that stays where two are too near to each other."""
DECADES = 3.0
"""Times from this factor on are drawn on a logarithmic axis."""
REACH = 1.6
"""So far beyond the outermost estimate an axis follows an interval: those of two processes may reach to 1e61."""
LEAST, MOST = 1e-12, 1e12
"""What lies beyond stands at the end of its axis: a record may hold any number."""
EDGE = 4.0
"""Percent on either side in which no estimate stands."""


@dataclass(frozen=True)
class Mark:
    """An estimate and its interval in percent; an end of None is that of no interval."""

    at: str
    low: str | None
    high: str | None
    beyond_low: bool
    """The interval goes on beyond the axis."""
    beyond_high: bool


@dataclass(frozen=True)
class Tick:
    """A labelled place."""

    at: str
    label: str
    anchor: str
    """`start`, `middle` or `end`: a label at an edge stays inside."""


@dataclass(frozen=True)
class Scale:
    """An axis over the numbers from `low` to `high`."""

    low: float
    high: float
    logarithmic: bool
    ticks: tuple[Tick, ...]
    kind: str
    """In words: `logarithmic axis from 100 ms to 5 s`."""

    def mark(self, interval: Interval) -> Mark:
        """Where an estimate and its interval stand."""
        estimate, low, high = interval
        drawn = low is not None and high is not None
        return Mark(
            at=_percent(self._place(estimate)),
            low=_percent(self._place(low)) if drawn and low is not None else None,
            high=_percent(self._place(high)) if drawn and high is not None else None,
            beyond_low=low is not None and low < self.low,
            beyond_high=high is not None and high > self.high,
        )

    def percent(self, value: float) -> str:
        """`43.21%`; what lies beyond an end stands at the end."""
        return _percent(self._place(value))

    def _place(self, value: float) -> float:
        return _place(value, self.low, self.high, logarithmic=self.logarithmic)


def scale_times(intervals: Sequence[Interval]) -> Scale | None:
    """The axis of some times in seconds, all above 0; None where there are none."""
    middles = [each[0] for each in intervals if each[0] > 0]
    if not middles:
        return None
    logarithmic = max(middles) / min(middles) >= DECADES
    low, high = _reach(intervals, middles)
    values = _round_logarithmic(low, high) if logarithmic else _round_linear(low, high)
    return _make_scale(low, high, [(value, show_round(value)) for value in values], logarithmic=logarithmic)


def scale_ratios(intervals: Sequence[Interval]) -> Scale | None:
    """The axis of some ratios, logarithmic, with 1 on it; None where there are none."""
    middles = [each[0] for each in intervals if each[0] > 0]
    if not middles:
        return None
    low, high = _reach(intervals, [*middles, 1.0])
    values = _round_linear(low, high) if high / low < DECADES else _round_logarithmic(low, high)
    return _make_scale(low, high, [(value, f"{value:.4g}x") for value in values], logarithmic=True)


def _make_scale(low: float, high: float, labelled: Iterable[tuple[float, str]], *, logarithmic: bool) -> Scale:
    ticks: list[Tick] = []
    last = -math.inf
    for value, label in labelled:
        place = _place(value, low, high, logarithmic=logarithmic)
        anchor = "start" if place < 2 * EDGE else "end" if place > 100 - 2 * EDGE else "middle"
        # A label that begins or ends at its tick reaches as far as two that stand in the middle of theirs.
        aside = anchor == "end" or (ticks and ticks[-1].anchor == "start")
        if ticks and place - last < (1.5 * APART if aside else APART):
            if label != ONE:
                continue
            ticks.pop()
        ticks.append(Tick(_percent(place), label, anchor))
        last = place
    kind = f"{'logarithmic' if logarithmic else 'linear'} axis"
    if len(ticks) > 1:
        kind += f" with ticks from {ticks[0].label} to {ticks[-1].label}"
    return Scale(low, high, logarithmic, tuple(ticks), kind)


def _reach(intervals: Iterable[Interval], middles: Sequence[float]) -> tuple[float, float]:
    """From where to where an axis goes: over all estimates, and over the intervals as far as they stay near."""
    low, high = (min(max(end, LEAST), MOST) for end in (min(middles), max(middles)))
    ends = [end for _, *pair in intervals for end in pair if end is not None and end > 0 and math.isfinite(end)]
    low_end, high_end = max(min([low, *ends]), low / REACH), min(max([high, *ends]), high * REACH)
    room = max(high_end / low_end, 1.02) ** 0.05  # a point at the very edge would be cut
    return low_end / room, high_end * room


def _place(value: float, low: float, high: float, *, logarithmic: bool) -> float:
    value = min(max(value, low), high)
    if logarithmic:
        share = (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    else:
        share = (value - low) / (high - low)
    return EDGE + (100 - 2 * EDGE) * share


def _round_linear(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, as many as fit."""
    for power in range(math.floor(math.log10(high - low)) - 1, 400):
        for factor in (1, 2, 5):
            step = float(f"{factor}e{power}")
            first, last = math.ceil(low / step), math.floor(high / step)
            if last - first < TICKS:
                # Decimal text, not a product: 3 * 0.1 is no round number.
                return [float(f"{number * factor}e{power}") for number in range(first, last + 1)]
    return []


def _round_logarithmic(low: float, high: float) -> list[float]:
    """Round multiples of powers of ten, or every power, or every second one, ...: as many as fit."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [("1", "1.5", "2", "3", "5", "7"), ("1", "2", "3", "5"), ("1", "2", "5"), ("1", "3")]
    candidates = [[float(f"{factor}e{power}") for power in powers for factor in factors] for factors in steps]
    candidates += [[float(f"1e{power}") for power in powers if power % step == 0] for step in range(1, 200)]
    for values in candidates:
        inside = [value for value in values if low <= value <= high]
        if len(inside) <= TICKS:
            return inside
    return []


def _percent(value: float) -> str:
    return f"{value:.2f}%"
