"""How are the samples behind a cell's mean shown: percentiles or rate, outliers, steadiness, and what they advise?"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.analysis.wording import say_number
from orchestrator.report.durations import show_duration
from orchestrator.report.sheets import Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.summary import Summary
    from orchestrator.stats.replication import Replication
    from orchestrator.stats.samples import Quantile

_COMMON = ("outliers", "independent", "inside a process", "next second into")
LATENCY_HEADINGS = ("build", "p50", "p90", "p99", *_COMMON)
THROUGHPUT_HEADINGS = ("build", "samples/s", "95 % CI", *_COMMON)
LEGEND = (
    "p90 needs 29 samples and p99 299, or they are `-`. Percentiles take samples for independent, which those of one "
    "process are not: `independent` says how many they are worth. Outliers are more than 14.8 median absolute "
    "deviations away; every mean holds them, in brackets is how it would move without them. `drift`: the first third "
    "and the last differ, no steady state. The advice is by cost: samples per process now and at best, and the share "
    "of the time that the same precision would then take."
)


def make_samples(summaries: Sequence[Summary]) -> list[Sheet]:
    """A sheet per workload and thread count, fastest first; cells without a valid trial have no line."""
    sheets = []
    for (workload, threads, scenario), group in groupby(
        summaries, key=lambda each: (each.workload, each.threads, each.scenario)
    ):
        fastest = sorted(group, key=lambda each: (each.mean_s or math.inf, each.variant))
        lines = tuple(cells for cells in map(sample_cells, fastest) if cells)
        headings = THROUGHPUT_HEADINGS if scenario == "throughput" else LATENCY_HEADINGS
        title = f"{workload}, {say_number(threads, 'thread')}: {scenario}"
        sheets += [Sheet(title, headings, lines, right=headings[1:-2])] if lines else []
    return sheets


def sample_cells(summary: Summary) -> tuple[str, ...]:
    """One row under LATENCY_HEADINGS or THROUGHPUT_HEADINGS, whichever the scenario asks for."""
    mode = "" if summary.mode == "default" else f" ({summary.mode})"
    found, latency = summary.diagnostics, summary.latency
    if found is None or latency is None or summary.mean_s is None:
        return ()
    times = (latency.p50, latency.p90, latency.p99)
    middle = _rate(*summary.samples_per_s) if summary.samples_per_s is not None else tuple(map(_percentile, times))
    moved = f" ({100 * (found.mean_without_s / summary.mean_s - 1):+.2g} %)" if found.outliers else ""
    return (
        f"{summary.variant}{mode}",
        *middle,
        f"{found.outliers} of {found.samples}{moved}",
        f"{latency.independent:.0f}",
        found.steadiness,
        show_advice(found.replication),
    )


def show_advice(found: Replication | None) -> str:
    """`more iterations (3 -> 19, 0.48)`; `as it is` where less than a tenth could be saved."""
    if found is None:
        return "-"
    if found.share > 0.9:
        return "as it is"
    best = f"{found.optimal:.0f}" if math.isfinite(found.optimal) else "many"
    return f"{found.advice} ({found.samples:.0f} -> {best}, {found.share:.2f})"


def _percentile(found: Quantile) -> str:
    if found.estimate is None or found.low is None or found.high is None:
        return "-"
    return show_duration(found.estimate, half_width=(found.high - found.low) / 2 or None)


def _rate(rate: float, low: float | None, high: float | None) -> tuple[str, str]:
    interval = "-" if low is None else f"{low:.4g}-{high:.4g}" if high is not None else f"from {low:.4g}"
    return f"{rate:.4g}", interval
