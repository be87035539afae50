"""How near to what its machine can do did each result come? A table beside that of the times."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.analysis.wording import say_number
from orchestrator.report.rates import doubt_share, show_giga, show_own_share, show_range, show_share
from orchestrator.report.sheets import Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.roofline import Place
    from orchestrator.analysis.summary import Summary

    Placed = tuple[Summary, Place]

HEADINGS = (
    *("build", "GFLOP/s", "95 % CI", "of its SGEMM", "of the best SGEMM", "of theory"),
    *("FLOP/byte", "bound by", "of the roof"),
)
NUMBERS = tuple(heading for heading in HEADINGS if heading not in {"build", "bound by"})
LEGEND = (
    "FLOP: two per multiply-accumulate of the direct algorithm; Winograd's does fewer and may pass 100 %. Theory: FMA "
    "units x clock; a nominal clock can be passed. FLOP/byte: with weights, inputs and outputs moved once, and in "
    "brackets with every operator reading and writing memory. Roof: min(SGEMM, FLOP/byte x copy), of the same image."
)


def make_roofs(placed: Sequence[Placed]) -> list[Sheet]:
    """A sheet per workload and thread count, nearest to the limit first; none where nothing has a rate."""
    known = [pair for pair in placed if pair[1].rate is not None]
    return [
        _make_sheet(workload, threads, list(group))
        for (workload, threads), group in groupby(known, key=lambda pair: (pair[0].workload, pair[0].threads))
    ]


def _make_sheet(workload: str, threads: int, group: Sequence[Placed]) -> Sheet:
    ordered = sorted(group, key=lambda pair: (-(pair[1].rate or 0.0), pair[0].variant))
    reasons = {reason: None for _, place in ordered for reason in (*place.reasons, doubt_share(place)) if reason}
    return Sheet(
        title=f"{workload}, {say_number(threads, 'thread')}: share of what the machine can do",
        headings=HEADINGS,
        lines=tuple(_line(summary, place) for summary, place in ordered),
        below=tuple(reasons),
        right=NUMBERS,
        constant=("FLOP/byte",),
    )


def _line(summary: Summary, place: Place) -> tuple[str, ...]:
    mode = "" if summary.mode == "default" else f" ({summary.mode})"
    half = (place.high - place.low) / 2 if place.high is not None and place.low is not None else None
    cost = place.cost
    return (
        f"{summary.variant}{mode}",
        show_giga(place.rate, half_width=half),
        show_range(place.low, place.high),
        show_own_share(place, place.sgemm_share),
        show_share(place.best_share),
        show_share(place.theory_share),
        f"{_figures(cost.intensity)} ({_figures(cost.unfused_intensity)})" if cost else "-",
        _bound(place),
        show_own_share(place, place.attainable_share),
    )


def _bound(place: Place) -> str:
    """`compute`; `compute (memory)` where it depends on whether tensors between operators stay in a cache."""
    first, second = (word.removesuffix("-bound") if word else "" for word in (place.bound, place.unfused_bound))
    return (first if first == second else f"{first} ({second})") or "-"


def _figures(value: float) -> str:
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"
