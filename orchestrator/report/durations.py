"""How is a time in seconds, or a chance, shown to a person? Everywhere else it is a float."""

from __future__ import annotations

import math


def show_duration(seconds: float | None, *, half_width: float | None = None) -> str:
    """`12.34 ms`: the unit by size, and two figures of `half_width` where one is known, else four of the number."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    scale, unit = _unit(abs(seconds))
    value = seconds * scale
    if half_width:
        digits = 1 - math.floor(math.log10(half_width * scale))
    else:
        digits = 3 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{min(4, max(0, digits))}f} {unit}"


def show_interval(low: float | None, high: float | None) -> str:
    """`12.31-12.37 ms`, in the unit of the upper end."""
    if low is None or high is None:
        return "-"
    scale, unit = _unit(abs(high))
    half = (high - low) / 2 * scale
    digits = min(4, max(0, 1 - math.floor(math.log10(half)))) if half > 0 else 4
    return f"{low * scale:.{digits}f}-{high * scale:.{digits}f} {unit}"


def show_round(seconds: float) -> str:
    """`200 ms` of a round number, as an axis has them."""
    scale, unit = _unit(seconds * (1 + 1e-9))
    return f"{seconds * scale:.4g} {unit}"


def show_chance(value: float | None) -> str:
    """`0.034` of a p- or q-value; nobody can tell those below a thousandth apart."""
    if value is None:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _unit(seconds: float) -> tuple[float, str]:
    if seconds >= 1:
        return 1.0, "s"
    if seconds >= 1e-3:
        return 1e3, "ms"
    return (1e6, "us") if seconds >= 1e-6 else (1e9, "ns")
